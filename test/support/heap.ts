// Measuring what stays on the heap.
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes of live objects, after a collection. */
export async function liveBytes(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    await turn(); // a WeakRef keeps its target to the end of the turn
    collect();
  }
  return process.memoryUsage().heapUsed;
}
