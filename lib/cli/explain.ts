/** An error in words for one line: an errno name alone says little to most who read it. */
import { getSystemErrorMap } from 'node:util';
import type { SluiceError } from '../errors.js';

export function explain({ code, message }: SluiceError): string {
  const words = errnoWords(code);
  return message.endsWith(code) && words !== undefined ? `${message}, ${words}` : message;
}

/** `connection refused` for ECONNREFUSED. */
function errnoWords(code: string): string | undefined {
  for (const [name, words] of getSystemErrorMap().values()) if (name === code) return words;
  return undefined;
}
