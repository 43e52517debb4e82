// In which mode a test's servers run. The socket tests listen through here, and 450 and 451 run them once more with their
// servers on native reactor threads.
import { type Listener, type ListenOptions, listen as listenInLibrary } from 'sluice';

let mode = 0;

/** From now on servers of this test file have `reactors: count`. */
export function serveOn(count: number): void {
  mode = count;
}

/** How many native threads serve; 0: the event loop does. */
export const reactors = (): number => mode;

export function listen(address: string, options?: ListenOptions): Promise<Listener> {
  return listenInLibrary(address, { reactors: mode, ...options });
}
