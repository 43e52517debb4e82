// Watching promises without waiting for them.
import { setImmediate as turn } from 'node:timers/promises';

/** Lets everything happen that needs no time and no I/O. */
export async function settle(): Promise<void> {
  // Two turns: what one hands over through the turn budget goes on in the next.
  await turn();
  await turn();
}

/** Whether `promise` is still pending once everything has settled. */
export async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let pending = true;
  const over = (): void => {
    pending = false;
  };
  promise.then(over, over);
  await settle();
  return pending;
}

/** Notes `name` in `log` when `promise` is fulfilled; answers the promise. */
export function logWhenDone<T>(log: string[], name: string, promise: Promise<T>): Promise<T> {
  promise.then(
    () => log.push(name),
    () => log.push(`${name} failed`),
  );
  return promise;
}
