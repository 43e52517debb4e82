/**
 * What this thread has open of channels and locks across threads, by name: opening one again gives the same *end*, since the
 * thread has one line of waiters, and of a lock one seat. An end that nobody refers to any more gives its seat back, unless what
 * it is the end of was opened again meanwhile: the new end has that seat.
 */
import { Waker } from './waker.js';

/** This thread's part of something across threads. */
export interface OpenEnd {
  /** After a thread has died: takes from shared memory what the thread had there, and lets those here look again. */
  sweep(): void;
}

const ends = new Map<string, WeakRef<OpenEnd>>();

interface Left {
  readonly name: string;
  readonly leave: Leave | undefined;
}

/** Gives back what an end had, its seat only if what it was the end of was not `reopened`. Must not refer to the end. */
type Leave = (reopened: boolean) => void;

const forgotten = new FinalizationRegistry<Left>(({ name, leave }) => {
  const reopened = ends.get(name)?.deref() !== undefined;
  if (!reopened) ends.delete(name);
  leave?.(reopened);
});

let watching = false;
function watchDeaths(): void {
  if (watching) return;
  watching = true;
  Waker.get().onThreadDeath(() => {
    for (const end of ends.values()) end.deref()?.sweep();
  });
}

/**
 * The end of what is called `name` among its `kind`; `make` answers a new one, and how it gives back what it has. A new one that
 * has a seat is swept at once: threads may have died while nobody here could hear of it.
 */
export function endOf<E extends OpenEnd>(
  kind: string,
  name: string,
  make: () => { end: E; leave?: Leave },
): E {
  const key = `${kind} ${name}`;
  const open = ends.get(key)?.deref() as E | undefined;
  if (open !== undefined) return open;
  watchDeaths();
  const { end, leave } = make();
  ends.set(key, new WeakRef<OpenEnd>(end));
  forgotten.register(end, { name: key, leave });
  if (leave !== undefined) end.sweep();
  return end;
}
