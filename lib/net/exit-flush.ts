/**
 * What was written and not sent yet goes out before this thread exits: at `process.exit()`, at an uncaught exception, at the end of the
 * loop. Replies are gathered and sent when a turn is over, and on a thread of its own a reactor gets them by message, so an
 * exit in between would lose answers that the program has given.
 *
 * A thread that is terminated, and a process that is killed by a signal, run no JavaScript any more: they flush nothing.
 */
import type { Reactor } from './reactor.js';

/** How long an exit waits for a peer that takes nothing. */
const PATIENCE_MS = 300;

const reactors: Reactor[] = [];

/** @internal */
export function flushAtExit(reactor: Reactor): void {
  if (reactors.length === 0) process.on('exit', flushAll);
  reactors.push(reactor);
}

function flushAll(): void {
  for (const reactor of reactors) {
    reactor.output.sendAtOnce();
    reactor.driver.leave(PATIENCE_MS);
  }
}
