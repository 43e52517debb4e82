/** What `run` of a pool is to these paths. */
interface Runs {
  run(name: string, args: unknown[], options?: object): Promise<unknown>;
}
export const names: string[];
export function make(name: string): unknown;
export function isPortOnly(name: string): boolean;
export function describe(value: unknown): Promise<string>;
export function byPort(name: string): Promise<string>;
export const paths: Record<string, (pool: Runs, name: string) => Promise<string>>;
