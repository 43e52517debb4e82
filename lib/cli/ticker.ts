/** Progress on stderr: a live line on a terminal, a line each time in a log. */
import { LiveLine } from './live-line.js';

export interface Ticker {
  /** Takes the live line away, so that a message can stand there; the next one comes below. */
  clear(): void;
  stop(): void;
}

const TERMINAL_INTERVAL_MS = 500;
const idle: Ticker = { clear() {}, stop() {} };

export interface TickerOptions {
  /** Between two lines. Default: half a second on a terminal, never elsewhere. */
  intervalMs: number | undefined;
  /** Shows nothing at all. */
  silent?: boolean;
  /** The terminal shows other output as well, which a live line would be mixed with: then none is shown. */
  busyTerminal?: boolean;
  /** What to show; `seconds` have passed since the last call. */
  text(seconds: number): string;
}

export function startTicker({ intervalMs, silent, busyTerminal, text }: TickerOptions): Ticker {
  if (silent) return idle;
  const live = process.stderr.isTTY && !busyTerminal ? new LiveLine(process.stderr) : undefined;
  if (intervalMs === undefined && live === undefined) return idle;
  let before = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    const line = text((now - before) / 1000);
    before = now;
    if (live === undefined) process.stderr.write(`${line}\n`);
    else live.show(line);
  }, intervalMs ?? TERMINAL_INTERVAL_MS);
  timer.unref();
  return {
    clear: () => live?.clear(),
    stop() {
      clearInterval(timer);
      live?.clear();
    },
  };
}
