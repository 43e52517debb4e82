/** Letting everything happen that needs no time. */
import { setImmediate } from 'node:timers';
import { pendingTurn } from '../waiting/turn-budget.js';

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/**
 * Returns when all microtasks have run, and what waits for the turn budget has gone on: when every task waits for something
 * else.
 *
 * @internal
 */
export async function settle(): Promise<void> {
  do await turn();
  while (pendingTurn() !== undefined);
}
