// Strings for keys that come again and again.
//
// Making a string from bytes is a call out of JavaScript, and a Map computes the hash of each new string. A key that was seen
// lately is recognised by its bytes instead, and the string made then, which knows its hash, serves again.

const SLOTS = 4096;
const SLOT_BYTES = 64;
/** As many bytes from the end choose the slot: keys tend to differ there. */
const HASHED_BYTES = 8;

export class KeyCache {
  /** One slot for each string: its bytes. */
  #bytes = new Uint8Array(SLOTS * SLOT_BYTES);
  #strings = new Array(SLOTS).fill('');

  /** `bytes` from `start` to `end` as Latin-1 text. */
  text(bytes, start, end) {
    const length = end - start;
    if (length > SLOT_BYTES) return bytes.latin1Slice(start, end);
    let hash = length;
    for (let at = Math.max(start, end - HASHED_BYTES); at < end; at++)
      hash = Math.imul(hash ^ bytes[at], 0x9e3779b1);
    const slot = hash >>> 20;
    const known = this.#strings[slot];
    const base = slot * SLOT_BYTES;
    return known.length === length && this.#equal(base, bytes, start, end)
      ? known
      : this.#replace(slot, bytes, start, end);
  }

  #equal(base, bytes, start, end) {
    const cached = this.#bytes;
    for (let at = start, k = base; at < end; at++, k++) if (bytes[at] !== cached[k]) return false;
    return true;
  }

  #replace(slot, bytes, start, end) {
    const text = bytes.latin1Slice(start, end);
    bytes.copy(this.#bytes, slot * SLOT_BYTES, start, end);
    this.#strings[slot] = text;
    return text;
  }
}
