/** MQTT control packets. */
import { checkOptions } from '../../validate.js';
import { checkMaxBytes, defineFraming, type Framing, type MaxBytesOptions } from './framing.js';

/** A PUBLISH to the topic `x`, whose payload fills the frame. */
function publish(frame: Buffer): void {
  let more = 1;
  while (frame.length - 1 - more >= 2 ** (7 * more)) more++;
  let rest = frame.length - 1 - more;
  frame[0] = 0x30;
  for (let i = 1; i <= more; i++, rest >>= 7) frame[i] = (rest & 0x7f) | (i < more ? 0x80 : 0);
  frame.writeUInt16BE(1, more + 1);
}

const make = defineFraming<object>({
  kind: 'mqttPackets',
  sizes: () => ({ least: 5, most: 2 ** 28 + 4 }),
  complete: (_, frame) => publish(frame),
  forms: [{ usage: 'mqtt', help: ["MQTT's packets, whole"] }],
  parse: (name, detail) => (name === 'mqtt' && detail === undefined ? mqttPackets() : undefined),
});

/**
 * Whole MQTT control packets (3.1.1 and 5.0): a type byte, the remaining length in up to four bytes, and so many bytes. A frame
 * is the packet with its header; `maxBytes` bounds all of it. The reserved type 0 is malformed.
 */
export function mqttPackets(options?: MaxBytesOptions): Framing {
  const given = checkOptions('mqttPackets options', options, ['maxBytes']);
  return make({}, checkMaxBytes(given.maxBytes));
}
