/**
 * Reports what a program's callback threw as an uncaught exception, the way an event listener's is, after the turn: the
 * other callbacks of the turn still run.
 */
export function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
