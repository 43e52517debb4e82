// The answer to a line of W11, its first byte and a newline, made once for each byte: no peer pays for making it.
export const ANSWERS = Array.from({ length: 256 }, (_, byte) => Buffer.from([byte, 10]));
