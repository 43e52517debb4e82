// A plain parser for each framing, written for clarity: what the native framers are compared with.

export interface ReferenceResult {
  frames: Buffer[];
  /** How the stream ends: in good order, or with the code of its fault. */
  end: 'PEER_ENDED' | 'ERR_FRAME_TOO_LARGE' | 'ERR_FRAME_MALFORMED' | 'ERR_FRAME_TRUNCATED';
}

type Parser = (bytes: Buffer, maxBytes: number) => ReferenceResult;

export function referenceLines(trimCR: boolean): Parser {
  return (bytes, maxBytes) => {
    const frames: Buffer[] = [];
    let at = 0;
    while (at < bytes.length) {
      const newline = bytes.indexOf(10, at);
      let end = newline < 0 ? bytes.length : newline;
      if (trimCR && end > at && bytes[end - 1] === 13) end--;
      if (end - at > maxBytes) return { frames, end: 'ERR_FRAME_TOO_LARGE' };
      frames.push(bytes.subarray(at, end));
      at = newline < 0 ? bytes.length : newline + 1;
    }
    return { frames, end: 'PEER_ENDED' };
  };
}

export function referenceDelimited(delimiter: Buffer): Parser {
  return (bytes, maxBytes) => {
    const frames: Buffer[] = [];
    let at = 0;
    while (at < bytes.length) {
      const found = bytes.indexOf(delimiter, at);
      if (found < 0) {
        const tooLarge = bytes.length - at > maxBytes + delimiter.length - 1;
        return { frames, end: tooLarge ? 'ERR_FRAME_TOO_LARGE' : 'ERR_FRAME_TRUNCATED' };
      }
      if (found - at > maxBytes) return { frames, end: 'ERR_FRAME_TOO_LARGE' };
      frames.push(bytes.subarray(at, found));
      at = found + delimiter.length;
    }
    return { frames, end: 'PEER_ENDED' };
  };
}

export function referenceLengthPrefixed(
  size: 1 | 2 | 4,
  endian: 'big' | 'little',
  includesLength: boolean,
): Parser {
  return (bytes, maxBytes) => {
    const frames: Buffer[] = [];
    let at = 0;
    while (at < bytes.length) {
      if (bytes.length - at < size) return { frames, end: 'ERR_FRAME_TRUNCATED' };
      let length = endian === 'big' ? bytes.readUIntBE(at, size) : bytes.readUIntLE(at, size);
      if (includesLength) {
        if (length < size) return { frames, end: 'ERR_FRAME_MALFORMED' };
        length -= size;
      }
      if (length > maxBytes) return { frames, end: 'ERR_FRAME_TOO_LARGE' };
      if (bytes.length - at - size < length) return { frames, end: 'ERR_FRAME_TRUNCATED' };
      frames.push(bytes.subarray(at + size, at + size + length));
      at += size + length;
    }
    return { frames, end: 'PEER_ENDED' };
  };
}

export const referenceVarintPrefixed: Parser = (bytes, maxBytes) => {
  const frames: Buffer[] = [];
  let at = 0;
  while (at < bytes.length) {
    let value = 0n;
    let size = 0;
    for (;;) {
      if (at + size >= bytes.length) return { frames, end: 'ERR_FRAME_TRUNCATED' };
      const byte = bytes[at + size]!;
      if (size === 9 && byte > 1) return { frames, end: 'ERR_FRAME_MALFORMED' };
      value |= BigInt(byte & 0x7f) << BigInt(7 * size);
      size++;
      if (byte < 0x80) break;
    }
    if (value > BigInt(maxBytes)) return { frames, end: 'ERR_FRAME_TOO_LARGE' };
    const length = Number(value);
    if (bytes.length - at - size < length) return { frames, end: 'ERR_FRAME_TRUNCATED' };
    frames.push(bytes.subarray(at + size, at + size + length));
    at += size + length;
  }
  return { frames, end: 'PEER_ENDED' };
};

export function referenceFixed(size: number): Parser {
  return (bytes) => {
    const frames: Buffer[] = [];
    let at = 0;
    for (; bytes.length - at >= size; at += size) frames.push(bytes.subarray(at, at + size));
    return { frames, end: at === bytes.length ? 'PEER_ENDED' : 'ERR_FRAME_TRUNCATED' };
  };
}

/** Without framing only the concatenation can be compared. */
export const referenceRaw: Parser = (bytes) => ({
  frames: bytes.length === 0 ? [] : [bytes],
  end: 'PEER_ENDED',
});

export function referenceLengthField(
  offset: number,
  size: number,
  endian: 'big' | 'little',
  adjust: number,
  strip: number,
): Parser {
  return (bytes, maxBytes) => {
    const frames: Buffer[] = [];
    let at = 0;
    while (at < bytes.length) {
      if (bytes.length - at < offset + size) return { frames, end: 'ERR_FRAME_TRUNCATED' };
      const field = [...bytes.subarray(at + offset, at + offset + size)];
      if (endian === 'little') field.reverse();
      const length = field.reduce((value, byte) => value * 256n + BigInt(byte), 0n);
      const total = BigInt(offset + size + adjust) + length;
      if (total < offset + size || total < strip) return { frames, end: 'ERR_FRAME_MALFORMED' };
      if (total > maxBytes) return { frames, end: 'ERR_FRAME_TOO_LARGE' };
      if (bytes.length - at < total) return { frames, end: 'ERR_FRAME_TRUNCATED' };
      frames.push(bytes.subarray(at + strip, at + Number(total)));
      at += Number(total);
    }
    return { frames, end: 'PEER_ENDED' };
  };
}

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 48 && byte <= 57;

/** The decimal number at `at`, up to the first that is above `most`. */
function decimalAt(bytes: Buffer, at: number, most: number): { value: number; behind: number } {
  let value = 0;
  let behind = at;
  while (isDigit(bytes[behind]) && value <= most) value = value * 10 + bytes[behind++]! - 48;
  return { value, behind };
}

export function referenceOctetCounted(orLines: boolean): Parser {
  return (bytes, maxBytes) => {
    const frames: Buffer[] = [];
    let at = 0;
    while (at < bytes.length) {
      if (bytes[at] === 48) return { frames, end: 'ERR_FRAME_MALFORMED' };
      if (!isDigit(bytes[at])) {
        if (!orLines) return { frames, end: 'ERR_FRAME_MALFORMED' };
        const newline = bytes.indexOf(10, at);
        const next = newline < 0 ? bytes.length : newline + 1;
        const line = referenceLines(true)(bytes.subarray(at, next), maxBytes);
        if (line.end !== 'PEER_ENDED') return { frames, end: line.end };
        frames.push(line.frames[0]!);
        at = next;
        continue;
      }
      const { value, behind } = decimalAt(bytes, at, maxBytes);
      if (value > maxBytes) return { frames, end: 'ERR_FRAME_TOO_LARGE' };
      if (behind === bytes.length) return { frames, end: 'ERR_FRAME_TRUNCATED' };
      if (bytes[behind] !== 32) return { frames, end: 'ERR_FRAME_MALFORMED' };
      if (bytes.length - behind - 1 < value) return { frames, end: 'ERR_FRAME_TRUNCATED' };
      frames.push(bytes.subarray(behind + 1, behind + 1 + value));
      at = behind + 1 + value;
    }
    return { frames, end: 'PEER_ENDED' };
  };
}

export const referenceNetstring: Parser = (bytes, maxBytes) => {
  const frames: Buffer[] = [];
  let at = 0;
  while (at < bytes.length) {
    const { value, behind } =
      bytes[at] === 48 ? { value: 0, behind: at + 1 } : decimalAt(bytes, at, maxBytes);
    if (value > maxBytes) return { frames, end: 'ERR_FRAME_TOO_LARGE' };
    if (behind === bytes.length) return { frames, end: 'ERR_FRAME_TRUNCATED' };
    if (behind === at || bytes[behind] !== 58) return { frames, end: 'ERR_FRAME_MALFORMED' };
    const end = behind + 1 + value;
    if (bytes.length <= end) return { frames, end: 'ERR_FRAME_TRUNCATED' };
    if (bytes[end] !== 44) return { frames, end: 'ERR_FRAME_MALFORMED' };
    frames.push(bytes.subarray(behind + 1, end));
    at = end + 1;
  }
  return { frames, end: 'PEER_ENDED' };
};

export const referenceMqttPackets: Parser = (bytes, maxBytes) => {
  const frames: Buffer[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (bytes[at]! < 16) return { frames, end: 'ERR_FRAME_MALFORMED' };
    let more = 1;
    while (more <= 4 && at + more < bytes.length && bytes[at + more]! >= 128) more++;
    if (more === 5) return { frames, end: 'ERR_FRAME_MALFORMED' };
    if (at + more >= bytes.length) return { frames, end: 'ERR_FRAME_TRUNCATED' };
    let size = 1 + more;
    for (let i = 1; i <= more; i++) size += (bytes[at + i]! & 127) * 128 ** (i - 1);
    if (size > maxBytes) return { frames, end: 'ERR_FRAME_TOO_LARGE' };
    if (bytes.length - at < size) return { frames, end: 'ERR_FRAME_TRUNCATED' };
    frames.push(bytes.subarray(at, at + size));
    at += size;
  }
  return { frames, end: 'PEER_ENDED' };
};

/** Of delimiters of one byte. */
export function referenceAnyOf(delimiters: readonly number[]): Parser {
  return (bytes, maxBytes) => {
    const frames: Buffer[] = [];
    let start = 0;
    for (let at = 0; at < bytes.length; at++) {
      if (!delimiters.includes(bytes[at]!)) continue;
      if (at - start > maxBytes) return { frames, end: 'ERR_FRAME_TOO_LARGE' };
      if (at > start) frames.push(bytes.subarray(start, at));
      start = at + 1;
    }
    if (start === bytes.length) return { frames, end: 'PEER_ENDED' };
    return { frames, end: bytes.length - start > maxBytes ? 'ERR_FRAME_TOO_LARGE' : 'ERR_FRAME_TRUNCATED' };
  };
}
