/** Signals that ask the command to end: the first in good order, the second at once. */

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Calls `begin` at the first signal. Returns what takes the handlers off again. */
export function onShutdownSignal(begin: () => void): () => void {
  let asked = false;
  const handler = (signal: NodeJS.Signals): void => {
    if (asked) dieOf(signal);
    asked = true;
    begin();
  };
  const release = (): void => {
    for (const signal of SIGNALS) process.removeListener(signal, handler);
  };
  for (const signal of SIGNALS) process.on(signal, handler);
  return release;
}

/** Ends the process the way the signal does by itself: at once, whatever its threads are doing, visible to the parent. */
export function dieOf(signal: NodeJS.Signals): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}
