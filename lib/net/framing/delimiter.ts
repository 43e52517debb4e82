/** Bytes that end a frame, as the caller gives them. */
import { InvalidArgTypeError, InvalidArgValueError } from '../../errors.js';

/** @internal 1 to 64 bytes, a copy. A string means its UTF-8 bytes. */
export function checkDelimiter(name: string, delimiter: unknown): Uint8Array {
  if (typeof delimiter !== 'string' && !(delimiter instanceof Uint8Array)) {
    throw new InvalidArgTypeError(name, 'a string or a Uint8Array', delimiter);
  }
  const bytes = Uint8Array.from(Buffer.from(delimiter as string));
  if (bytes.length < 1 || bytes.length > 64) {
    throw new InvalidArgValueError(name, 'must have 1 to 64 bytes', delimiter);
  }
  return bytes;
}

/** @internal A byte that none of the delimiters has; with all 256 taken, the first one's successor. */
export function fillerBeside(...delimiters: readonly Uint8Array[]): number {
  const first = 'x'.charCodeAt(0);
  for (let i = 0; i < 256; i++) {
    const byte = (first + i) & 0xff;
    if (!delimiters.some((delimiter) => delimiter.includes(byte))) return byte;
  }
  return (delimiters[0]![0]! + 1) & 0xff;
}
