/**
 * Which keyed tasks wait for what runs here: a task that has a key holds it until its end, so one of the same key that it awaits
 * would never begin. The pool's maker, which keeps the keys, is told of these with each task of a task.
 *
 * A handler may submit tasks long after its first `await`, so this goes along as an AsyncLocalStorage does. Before the first keyed task
 * there is none, and nobody pays for it.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

/** The numbers of keyed tasks, each submitted by the one before it, or by a task of its. */
export type Holders = readonly number[];

let storage: AsyncLocalStorage<Holders | undefined> | undefined;

/** The keyed tasks that the running code belongs to. */
export function heldKeys(): Holders | undefined {
  return storage?.getStore();
}

/** Runs a task for which `holders` wait. */
export function runHolding(holders: Holders, task: () => void): void {
  storage ??= new AsyncLocalStorage();
  storage.run(holders, task);
}

/** Runs what belongs to no task, whatever task's code has asked for it. */
export function runOutsideTasks(work: () => void): void {
  if (storage?.getStore() === undefined) work();
  else storage.run(undefined, work);
}
