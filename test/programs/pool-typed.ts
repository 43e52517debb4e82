// A module in TypeScript, for Nodes that strip types.
export function twice(n: number): number {
  return n * 2;
}
