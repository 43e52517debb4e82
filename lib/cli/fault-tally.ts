/** Counts why connections were lost. */
import type { DisconnectReason } from '../net/index.js';

export class FaultTally {
  readonly #counts = new Map<string, { count: number; message: string }>();
  total = 0;

  add({ code, message }: DisconnectReason): void {
    this.total++;
    const known = this.#counts.get(code);
    if (known === undefined) this.#counts.set(code, { count: 1, message });
    else known.count++;
  }

  /** The code of each reason, with how often it occurred; the most frequent first. */
  entries(): { code: string; message: string; count: number }[] {
    return [...this.#counts]
      .map(([code, { count, message }]) => ({ code, message, count }))
      .sort((a, b) => b.count - a.count);
  }
}

/** Whether a disconnect is an orderly end, as opposed to a fault that sluice or the system found. */
export function isOrderly({ code }: DisconnectReason): boolean {
  return !/^E[A-Z]|^ERR_/.test(code);
}
