/** One line at the bottom of a terminal that is written over again and again. */
import type { WriteStream } from 'node:tty';

/** ANSI X3.64: erase to the end of the line. */
const ERASE = '\x1b[K';

export class LiveLine {
  readonly #terminal: WriteStream;
  #shown = false;

  constructor(terminal: WriteStream) {
    this.#terminal = terminal;
  }

  show(text: string): void {
    this.#shown = true;
    this.#terminal.write(`\r${text.slice(0, this.#terminal.columns - 1)}${ERASE}`);
  }

  /** Takes the line away, so that ordinary output can follow. */
  clear(): void {
    if (this.#shown) this.#terminal.write(`\r${ERASE}`);
    this.#shown = false;
  }
}
