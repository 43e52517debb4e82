/** An address on the command line: checked before anything is opened, used as it was written. */
import { parseAddress } from '../net/address.js';

export function addressArgument(text: string): string {
  parseAddress(text);
  return text;
}
