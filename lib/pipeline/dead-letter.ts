/** Dead letters: each value that a stage could not handle goes to a separate output, with a record of what went wrong. */
import { Buffer } from 'node:buffer';
import { describeValue } from '../errors.js';
import type { OutputCall, OutputSink } from './output.js';
import type { Item, Unit } from './unit.js';

/** A value that failed, as a dead letter's output gets it. */
export interface DeadLetter {
  /** What the stage was given. */
  value: unknown;
  /** What was thrown. If that is not an Error, `name` is `'Error'` and `message` describes the value. */
  error: {
    /** The error's `name`. */
    name: string;
    /** The error's `message`. */
    message: string;
    /** The error's `code`, if it is a string. */
    code?: string;
    /** The error's `stack`, if it has one. */
    stack?: string;
  };
  /** The name of the stage that failed. */
  stage: string;
  /** Calls that were made for the value. */
  attempts: number;
  /** Milliseconds since 1970. */
  at: number;
  /** The input's name, if it says. */
  source?: string;
  /** The part of the input that it came from, if that says. */
  partition?: string | number;
  /** Where in its partition it lay, if the input says. */
  position?: unknown;
}

/** @internal */
export function deadLetterOf(
  { value, unit }: Item,
  failure: { error: unknown; stage: string; attempts: number; at: number },
): DeadLetter {
  const { error, stage, attempts, at } = failure;
  const { source, partition, position } = unit.record ?? {};
  return {
    value,
    error: describeError(error),
    stage,
    attempts,
    at,
    ...(source === undefined ? {} : { source }),
    ...(partition === undefined ? {} : { partition }),
    ...(position === undefined ? {} : { position }),
  };
}

function describeError(error: unknown): DeadLetter['error'] {
  if (!(error instanceof Error))
    return { name: 'Error', message: typeof error === 'string' ? error : describeValue(error) };
  const { name, message, stack } = error;
  const { code } = error as { code?: unknown };
  return {
    name,
    message,
    ...(typeof code === 'string' ? { code } : {}),
    ...(stack === undefined ? {} : { stack }),
  };
}

/**
 * A dead letter as text, for outputs that take nothing else: JSON, in which bytes are `{ "base64": … }`, bigints strings, and what JSON can't
 * hold is a description.
 *
 * @internal
 */
export function encodeDeadLetter(letter: DeadLetter): string {
  try {
    return JSON.stringify(letter, encodeValue);
  } catch {
    return JSON.stringify({
      ...letter,
      value: describeValue(letter.value),
      position: describeValue(letter.position),
    });
  }
}

/** JSON calls `toJSON` of a Buffer first, so bytes are looked for in what holds them. */
function encodeValue(this: unknown, key: string, value: unknown): unknown {
  const held = (this as Record<string, unknown>)[key];
  if (held instanceof Uint8Array)
    return { base64: Buffer.from(held.buffer, held.byteOffset, held.byteLength).toString('base64') };
  return typeof value === 'bigint' ? String(value) : value;
}

interface Pending {
  readonly letter: DeadLetter;
  readonly unit: Unit;
}

/** @internal Who hears what became of letters. */
export interface DeadLetterHost {
  /** The output has acknowledged the letter of this value. */
  letterWritten(unit: Unit): void;
  /** Letters can't be written any more: these were not. */
  lettersLost(units: readonly Unit[], error: unknown, letter: DeadLetter): void;
}

/**
 * Writes dead letters one group at a time, in the order in which values failed.
 *
 * @internal
 */
export class DeadLetterWriter {
  readonly #host: DeadLetterHost;
  readonly #sink: OutputSink<unknown>;
  readonly #call: OutputCall;
  #pending: Pending[] = [];
  #isWriting = false;
  #isOver = false;

  constructor(host: DeadLetterHost, sink: OutputSink<unknown>, signal: AbortSignal) {
    this.#host = host;
    this.#sink = sink;
    this.#call = { signal };
  }

  /** It has failed, or was abandoned: nothing more can be written. */
  get isOver(): boolean {
    return this.#isOver;
  }

  write(letter: DeadLetter, unit: Unit): void {
    this.#pending.push({ letter, unit });
    if (this.#isWriting) return;
    this.#isWriting = true;
    // What else fails in this turn is written with it.
    queueMicrotask(() => void this.#run());
  }

  /** Nothing more is written, and nobody told. */
  abandon(): void {
    this.#isOver = true;
    this.#pending = [];
  }

  async #run(): Promise<void> {
    while (this.#pending.length > 0 && !this.#isOver) {
      const group = this.#pending;
      this.#pending = [];
      const letters = group.map(({ letter }) => letter);
      try {
        await this.#sink.write(this.#sink.takesBytes ? letters.map(encodeDeadLetter) : letters, this.#call);
      } catch (error) {
        if (this.#isOver) return;
        this.#isOver = true;
        const lost = [...group, ...this.#pending].map(({ unit }) => unit);
        this.#pending = [];
        this.#host.lettersLost(lost, error, group[0]!.letter);
        return;
      }
      for (const { unit } of group) if (!this.#isOver) this.#host.letterWritten(unit);
    }
    this.#isWriting = false;
  }
}
