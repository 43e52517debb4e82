/**
 * Why something ended, in shared memory: what was given to `close` or `cancel` travels to the other threads as far as it
 * fits. Of an error travel name, message and `code` (the stack stays behind); what is too long is cut, and what cannot be
 * cloned arrives as its text.
 */
import { Buffer } from 'node:buffer';
import { types } from 'node:util';
import { Encoded } from './encoded.js';
import { StructuredReader, writeStructured } from './structured.js';

/** Bytes that a reason takes at most, with the word of its length. */
export const REASON_BYTES = 1024;
const MAX_ENCODED = REASON_BYTES - 4;
const MAX_TEXT = 256;

const ERROR_MARK = 'sluice.error';
const cut = (text: unknown): string => String(text).slice(0, MAX_TEXT);

function encode(reason: unknown): Encoded {
  const out = new Encoded();
  if (reason instanceof Error || types.isNativeError(reason)) {
    const { code } = reason as { code?: unknown };
    const travels = typeof code === 'string' || typeof code === 'number';
    writeStructured(out, [ERROR_MARK, cut(reason.name), cut(reason.message), travels ? code : undefined]);
    return out;
  }
  try {
    writeStructured(out, reason);
    if (out.length <= MAX_ENCODED && decode(out.bytes, out.start) !== UNREADABLE) return out;
  } catch {}
  out.clear();
  let text: string;
  try {
    text = cut(reason);
  } catch {
    text = 'a reason that cannot be shown';
  }
  writeStructured(out, text);
  return out;
}

/** What V8 has written and can't read, an error that is its own cause for one. */
const UNREADABLE = Symbol('unreadable');

function decode(bytes: Buffer, start: number): unknown {
  const reader = new StructuredReader();
  reader.start(bytes, start);
  try {
    return reader.read();
  } catch {
    return UNREADABLE;
  }
}

/** Writes `reason` to `region`, of REASON_BYTES: before the word is stored that tells others of it. */
export function writeReason(words: Int32Array, at: number, reason: unknown): void {
  words[at] = 0;
  if (reason === undefined) return;
  const { bytes, start, end } = encode(reason);
  const target = new Uint8Array(words.buffer, words.byteOffset + (at + 1) * 4, MAX_ENCODED);
  target.set(bytes.subarray(start, Math.min(end, start + MAX_ENCODED)));
  words[at] = Math.min(end - start, MAX_ENCODED);
}

/** Reads what {@link writeReason} wrote. */
export function readReason(words: Int32Array, at: number): unknown {
  const length = words[at]!;
  if (length === 0) return undefined;
  const reason = decode(
    Buffer.from(new Uint8Array(words.buffer, words.byteOffset + (at + 1) * 4, length)),
    0,
  );
  if (reason === UNREADABLE) return 'a reason that cannot be shown';
  if (!Array.isArray(reason) || reason[0] !== ERROR_MARK) return reason;
  const [, name, message, code] = reason as [string, string, string, unknown];
  const error = new Error(message);
  Object.defineProperty(error, 'name', { value: name, configurable: true, writable: true });
  return code === undefined ? error : Object.assign(error, { code });
}
