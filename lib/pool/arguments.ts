/** A call's arguments as bytes: written by the submitting thread, read by the worker. */
import type { Encoded } from '../memory/codec/encoded.js';
import { StructuredReader, writeStructured } from '../memory/codec/structured.js';
import { ARGS_AS_ARRAY } from './pool-memory.js';

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;

/**
 * Writes `args` and answers how they are counted in the slot's flags. Several objects are written as one array, so that one
 * that is named twice arrives as one.
 *
 * @throws CodecError for what structured clone does not carry without transfer
 */
export function writeArguments(out: Encoded, args: readonly unknown[]): number {
  out.clear();
  const count = args.length;
  if (count === 0) return 0;
  let objects = 0;
  for (let i = 0; i < count; i++) if (isObject(args[i])) objects++;
  if (count >= ARGS_AS_ARRAY || objects > 1) {
    writeStructured(out, args);
    return ARGS_AS_ARRAY;
  }
  for (let i = 0; i < count; i++) writeStructured(out, args[i]);
  return count;
}

const reader = new StructuredReader();
const none: readonly unknown[] = Object.freeze([]);

/** The arguments that lie at `at` of `bytes`. */
export function readArguments(bytes: Buffer, at: number, counted: number): readonly unknown[] {
  if (counted === 0) return none;
  reader.start(bytes, at);
  if (counted === ARGS_AS_ARRAY) return reader.read() as unknown[];
  const args: unknown[] = [];
  for (let i = 0; i < counted; i++) args.push(reader.read());
  return args;
}

/** One value that lies at [start, end) of `bytes`; undefined when nothing does. */
export function readValue(bytes: Buffer, start: number, end: number): unknown {
  if (start === end) return undefined;
  reader.start(bytes, start);
  return reader.read();
}

/** Writes one value, as `readValue` reads it. */
export function writeValue(out: Encoded, value: unknown): void {
  out.clear();
  if (value !== undefined) writeStructured(out, value);
}
