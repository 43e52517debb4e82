// One request of the Redis serialization protocol (RESP2), cut anywhere.
// https://redis.io/docs/latest/develop/reference/protocol-spec/
//
// A request is an array of bulk strings, "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", or one line of words ("inline"). The parser
// notes where the arguments lie and copies nothing. When the bytes end in the middle it remembers how far it came, so
// that each byte is paid for once, however small the pieces are.

import { KeyCache } from './key-cache.mjs';

const CR = 13;
const LF = 10;
const DOLLAR = 36;
const STAR = 42;
const MINUS = 45;
const ZERO = 48;
const NINE = 57;
/** Clear in capital letters, set in small ones. */
const SMALL = 0x20;

// The bounds that redis-server has.
const MAX_ARGUMENTS = 1024 * 1024;
const MAX_BULK_BYTES = 512 * 1024 * 1024;
const MAX_INLINE_BYTES = 64 * 1024;

/** Up to here a loop beats a call of Buffer's native copying. */
const SHORT = 64;

const NOT_KNOWN = -1;
/** A request longer than this does not leave its columns behind. */
const KEPT_ARGUMENTS = 4096;

/** What came is not RESP: the client is told the message, and its connection ends. */
export class ProtocolError extends Error {}

const keys = new KeyCache();

export class Request {
  /** Where the request begins in the bytes that `reset` was given. */
  start = 0;
  /** Where parsing goes on; once the request is whole, where the next one begins. */
  position = 0;
  /** How many arguments were found, the command's name among them. */
  length = 0;

  #bytes;
  #expected = NOT_KNOWN;
  // Argument i lies at starts[i] .. ends[i]; the bulk string around it ("$3\r\nGET\r\n") at bulks[i] .. ends[i] + 2.
  #bulks = [];
  #starts = [];
  #ends = [];

  /** Gets ready for the request that begins at `position` of `bytes`. */
  reset(bytes, position) {
    this.#bytes = bytes;
    this.start = position;
    this.position = position;
    this.length = 0;
    this.#expected = NOT_KNOWN;
    if (this.#ends.length > KEPT_ARGUMENTS) {
      this.#bulks = [];
      this.#starts = [];
      this.#ends = [];
    }
  }

  /** The bytes of the request lie in `bytes` now, and begin at 0. */
  move(bytes) {
    const distance = this.start;
    this.#bytes = bytes;
    this.start = 0;
    this.position -= distance;
    for (let i = 0; i < this.length; i++) {
      this.#bulks[i] -= distance;
      this.#starts[i] -= distance;
      this.#ends[i] -= distance;
    }
  }

  /**
   * Goes on with what has come up to `end`. Returns whether the request is whole. One without arguments is to be
   * ignored.
   *
   * @throws {ProtocolError}
   */
  parse(end) {
    const bytes = this.#bytes;
    if (this.#expected === NOT_KNOWN) {
      if (this.position === end) return false;
      if (bytes[this.position] !== STAR) return this.#parseInline(end);
      const count = this.#readNumber(end, MAX_ARGUMENTS, 'invalid multibulk length');
      if (count === undefined) return false;
      this.#expected = Math.max(count, 0);
    }
    while (this.length < this.#expected) {
      const bulk = this.position;
      let size = shortLength(bytes, bulk, end);
      let start = bulk + (size < 10 ? 4 : 5);
      if (size === NOT_KNOWN) {
        size = this.#readBulkLength(end);
        if (size === undefined) return false;
        start = this.position;
      }
      const stop = start + size;
      if (stop + 2 > end) {
        this.position = bulk; // its length is read again, which costs less than remembering it
        return false;
      }
      if (bytes[stop] !== CR || bytes[stop + 1] !== LF)
        throw new ProtocolError('a bulk string must end with CRLF');
      const i = this.length++;
      this.#bulks[i] = bulk;
      this.#starts[i] = start;
      this.#ends[i] = stop;
      this.position = stop + 2;
    }
    return true;
  }

  /** A number made of the letters of argument `i`, in whatever case. */
  hash(i) {
    const bytes = this.#bytes;
    const end = this.#ends[i];
    let hash = 0;
    for (let at = this.#starts[i]; at < end; at++) hash = nextHash(hash, bytes[at]);
    return hash;
  }

  /** Whether argument `i` is `word`, which is in capitals, in whatever case. */
  is(i, word) {
    const bytes = this.#bytes;
    const start = this.#starts[i];
    if (this.#ends[i] - start !== word.length) return false;
    for (let k = 0; k < word.length; k++) {
      if ((bytes[start + k] & ~SMALL) !== word.charCodeAt(k)) return false;
    }
    return true;
  }

  /** Argument `i` as text in which each character is one byte, so that it holds any bytes. */
  text(i) {
    return keys.text(this.#bytes, this.#starts[i], this.#ends[i]);
  }

  /** Argument `i` as the bulk string that it came in: a view, to be copied by whoever keeps it. */
  bulk(i) {
    return this.#bytes.subarray(this.#bulks[i], this.#ends[i] + 2);
  }

  /** Length of `bulk(i)` in bytes. */
  bulkLength(i) {
    return this.#ends[i] + 2 - this.#bulks[i];
  }

  /** Copies `bulk(i)` into `target`, which has its length. */
  copyBulk(i, target) {
    const bytes = this.#bytes;
    const start = this.#bulks[i];
    const end = this.#ends[i] + 2;
    if (end - start > SHORT) bytes.copy(target, 0, start, end);
    else for (let at = start; at < end; at++) target[at - start] = bytes[at];
  }

  /** Reads a line such as "*3\r\n", whose first byte is checked already; undefined when it is cut. */
  #readNumber(end, max, problem) {
    const bytes = this.#bytes;
    let at = this.position + 1;
    const negative = at < end && bytes[at] === MINUS;
    if (negative) at++;
    const first = at;
    let value = 0;
    while (at < end && bytes[at] >= ZERO && bytes[at] <= NINE && value <= max)
      value = value * 10 + bytes[at++] - ZERO;
    if (value > max) throw new ProtocolError(problem);
    if (at === end) return undefined;
    if (at === first || bytes[at] !== CR) throw new ProtocolError(problem);
    // GET answers with the bulk string that SET brought: a length that another client might read differently is refused.
    if (bytes[first] === ZERO && at - this.position > 2) throw new ProtocolError(problem);
    if (at + 1 === end) return undefined;
    if (bytes[at + 1] !== LF) throw new ProtocolError(problem);
    this.position = at + 2;
    return negative ? -value : value;
  }

  #readBulkLength(end) {
    if (this.position === end) return undefined;
    const first = this.#bytes[this.position];
    if (first !== DOLLAR) throw new ProtocolError(`expected '$', got '${String.fromCharCode(first)}'`);
    const size = this.#readNumber(end, MAX_BULK_BYTES, 'invalid bulk length');
    if (size < 0) throw new ProtocolError('invalid bulk length');
    return size;
  }

  #parseInline(end) {
    const line = this.#bytes.subarray(this.start, Math.min(end, this.start + MAX_INLINE_BYTES));
    const newline = line.indexOf(LF);
    if (newline === -1) {
      if (line.length === MAX_INLINE_BYTES) throw new ProtocolError('too big inline request');
      return false;
    }
    const next = this.start + newline + 1;
    const request = encodeWords(splitWords(line.latin1Slice(0, newline)));
    this.reset(request, 0);
    this.parse(request.length);
    this.position = next;
    return true;
  }
}

/** The length in a line "$7\r\n" or "$42\r\n" at `at`, which is how nearly all look; NOT_KNOWN for any other. */
function shortLength(bytes, at, end) {
  if (at + 5 > end || bytes[at] !== DOLLAR) return NOT_KNOWN;
  const first = bytes[at + 1] - ZERO;
  if (first < 0 || first > 9) return NOT_KNOWN;
  const second = bytes[at + 2] - ZERO;
  if (second === CR - ZERO) return bytes[at + 3] === LF ? first : NOT_KNOWN;
  if (first === 0 || second < 0 || second > 9) return NOT_KNOWN;
  return bytes[at + 3] === CR && bytes[at + 4] === LF ? first * 10 + second : NOT_KNOWN;
}

/** The hash of a word written in capitals, as {@link Request.hash} computes it. */
export function hashOf(word) {
  let hash = 0;
  for (let k = 0; k < word.length; k++) hash = nextHash(hash, word.charCodeAt(k));
  return hash;
}

function nextHash(hash, byte) {
  return (Math.imul(hash, 31) + (byte & ~SMALL)) | 0;
}

// A word of an inline request: "in quotes, with \n and \x00", 'in quotes, with only \'', or without.
const WORD = /[\t\r ]*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\t\r "']+))(?=[\t\r ]|$)/y;
const ESCAPE = /\\(?:x([\da-f]{2})|(.))/gi;
const escapes = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' };

function splitWords(line) {
  let end = line.length;
  while (end > 0 && '\t\r '.includes(line[end - 1])) end--;
  const words = [];
  WORD.lastIndex = 0;
  while (WORD.lastIndex < end) {
    const match = WORD.exec(line);
    if (match === null) throw new ProtocolError('unbalanced quotes in request');
    const [, double, single, plain] = match;
    words.push(plain ?? single?.replaceAll("\\'", "'") ?? double.replace(ESCAPE, unescaped));
  }
  return words;
}

function unescaped(_, hex, letter) {
  return hex === undefined ? (escapes[letter] ?? letter) : String.fromCharCode(Number.parseInt(hex, 16));
}

function encodeWords(words) {
  const bulks = words.map((word) => `$${word.length}\r\n${word}\r\n`);
  return Buffer.from(`*${words.length}\r\n${bulks.join('')}`, 'latin1');
}
