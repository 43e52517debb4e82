/**
 * The locks that this thread has open, by name: opening one again gives the same *end*, since the thread has one line of
 * waiters and one seat for each lock. An end that nobody refers to any more gives its seat back, unless the lock was opened
 * again meanwhile: the new end has that seat.
 */
import { Waker } from '../../memory/waker.js';

/** This thread's part of a lock across threads. */
export interface LockEnd {
  /** After a thread has died: takes from its seat what it had of the lock, and lets those here look again. */
  sweep(): void;
}

const ends = new Map<string, WeakRef<LockEnd>>();

interface Left {
  readonly name: string;
  readonly leave: Leave;
}

/** Gives back what an end had, its seat only if the lock was not `reopened`. Must not refer to the end. */
type Leave = (reopened: boolean) => void;

const forgotten = new FinalizationRegistry<Left>(({ name, leave }) => {
  const reopened = ends.get(name)?.deref() !== undefined;
  if (!reopened) ends.delete(name);
  leave(reopened);
});

let watching = false;
function watchDeaths(): void {
  if (watching) return;
  watching = true;
  Waker.get().onThreadDeath(() => {
    for (const end of ends.values()) end.deref()?.sweep();
  });
}

/** The end of the lock called `name`; `make` answers a new one, and how it gives its seat back. */
export function endOf<E extends LockEnd>(name: string, make: () => { end: E; leave: Leave }): E {
  const open = ends.get(name)?.deref() as E | undefined;
  if (open !== undefined) return open;
  watchDeaths();
  const { end, leave } = make();
  ends.set(name, new WeakRef<LockEnd>(end));
  forgotten.register(end, { name, leave });
  end.sweep(); // threads may have died while nobody here could hear of it
  return end;
}
