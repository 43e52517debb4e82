declare const table: {
  own: string;
  add(a: number, b: number): number;
  self(): string;
  count(to: number): AsyncGenerator<number>;
  twice(n: number): Promise<number>;
  both(): number;
};
export default table;
export function both(): string;
