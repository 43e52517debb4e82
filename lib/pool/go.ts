import type { HandlerCall, HandlerName } from './handler-types.js';
import type { RunOptions } from './run-options.js';
import type { WorkerPool } from './worker-pool.js';

/**
 * Go's `go` statement: runs `name` of `pool` and returns at once. A failure goes to `onError`, or is thrown as an uncaught
 * exception. A million may be pending: each costs about 420 bytes, small arguments included, and `queue.capacity` has to allow for them.
 *
 * @example
 * // file: tasks.ts
 * export const add = (a: number, b: number): number => a + b;
 *
 * @example
 * await using pool = new WorkerPool(new URL('./tasks.js', import.meta.url), { workers: 1 });
 * go(pool, 'add', [1, 2]); // returns at once
 * go(pool, 'subtract', [], { onError: (error) => console.log((error as Error).name) }); // prints: HandlerNotFoundError
 */
export function go<Module, Name extends HandlerName<Module>>(
  pool: WorkerPool<Module>,
  name: Name,
  ...call: HandlerCall<Module, Name, RunOptions & { onError?: (error: unknown) => void }>
): void {
  pool.go(name, ...call);
}
