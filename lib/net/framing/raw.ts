/** No framing. */
import { defineFraming, type Framing } from './framing.js';

const make = defineFraming<object>({
  kind: 'raw',
  sizes: () => ({ least: 1 }),
  forms: [{ usage: 'raw', help: ['no framing: whatever a read brought'] }],
  parse: (name, detail) => (name === 'raw' && detail === undefined ? raw() : undefined),
});

/** No framing: whatever a read brought is a frame. */
export function raw(): Framing {
  return make({});
}
