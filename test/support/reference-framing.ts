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
