// Thousands of random byte streams (SLUICE_STRESS=full: 10,000 a framing), each split at random points, several connections at a time, for every framing: the frames
// and the end must be those of a plain parser that saw the stream whole.
import net from 'node:net';
import type { Framing } from 'sluice';
import {
  anyOf,
  delimited,
  fixed,
  lengthField,
  lengthPrefixed,
  lines,
  mqttPackets,
  netstring,
  octetCounted,
  raw,
  varintPrefixed,
} from 'sluice';
import { describe, expect, it } from 'vitest';
import { listen, reactors } from './support/mode.js';
import {
  type ReferenceResult,
  referenceAnyOf,
  referenceDelimited,
  referenceFixed,
  referenceLengthField,
  referenceLengthPrefixed,
  referenceLines,
  referenceMqttPackets,
  referenceNetstring,
  referenceOctetCounted,
  referenceRaw,
  referenceVarintPrefixed,
} from './support/reference-framing.js';

const STREAMS = process.env.SLUICE_STRESS === 'full' ? 10_000 : reactors() === 0 ? 2000 : 1000;
const AT_ONCE = 50;
const MAX_BYTES = 300;

/** A small generator with a seed, so that a failure can be seen again (xorshift32, Marsaglia 2003). */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

type Random = (below: number) => number;

/** Bytes that often look like the framing's own syntax. */
function streamOf(random: Random, alphabet: readonly number[]): Buffer {
  const bytes = Buffer.alloc(random(4) === 0 ? random(2000) : random(200));
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = random(3) === 0 ? alphabet[random(alphabet.length)]! : random(256);
  }
  return bytes;
}

function piecesOf(random: Random, stream: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < stream.length; ) {
    const size = 1 + random(random(3) === 0 ? 8 : 400);
    pieces.push(stream.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

const kinds: [string, Framing, readonly number[], (bytes: Buffer, max: number) => ReferenceResult][] = [
  ['lines', lines({ maxBytes: MAX_BYTES }), [10, 13, 10], referenceLines(true)],
  [
    'lines, carriage returns kept',
    lines({ maxBytes: MAX_BYTES, trimCR: false }),
    [10, 13],
    referenceLines(false),
  ],
  [
    'delimited by one byte',
    delimited('|', { maxBytes: MAX_BYTES }),
    [124],
    referenceDelimited(Buffer.from('|')),
  ],
  [
    'delimited by three',
    delimited('aab', { maxBytes: MAX_BYTES }),
    [97, 97, 98],
    referenceDelimited(Buffer.from('aab')),
  ],
  [
    'a length of 1 byte',
    lengthPrefixed({ bytes: 1, maxBytes: 100 }),
    [0, 1, 5, 20],
    referenceLengthPrefixed(1, 'big', false),
  ],
  [
    'a length of 2 bytes that counts itself',
    lengthPrefixed({ bytes: 2, endian: 'little', includesLength: true, maxBytes: MAX_BYTES }),
    [0, 0, 2, 3, 9],
    referenceLengthPrefixed(2, 'little', true),
  ],
  [
    'a length of 4 bytes',
    lengthPrefixed({ bytes: 4, maxBytes: MAX_BYTES }),
    [0, 0, 0, 7],
    referenceLengthPrefixed(4, 'big', false),
  ],
  [
    'a varint length',
    varintPrefixed({ maxBytes: MAX_BYTES }),
    [0, 1, 9, 0x80, 0x81, 0xff],
    referenceVarintPrefixed,
  ],
  [
    'a length in a header',
    lengthField({ offset: 4, bytes: 2, maxBytes: MAX_BYTES }),
    [0, 0, 0, 9],
    referenceLengthField(4, 2, 'big', 0, 0),
  ],
  [
    'a length that counts all, cut off',
    lengthField({ offset: 1, bytes: 3, endian: 'little', adjust: -4, strip: 5, maxBytes: MAX_BYTES }),
    [0, 0, 0, 4, 9],
    referenceLengthField(1, 3, 'little', -4, 5),
  ],
  [
    'octets counted, or lines',
    octetCounted({ maxBytes: MAX_BYTES }),
    [48, 49, 50, 32, 10, 13, 60],
    referenceOctetCounted(true),
  ],
  [
    'octets counted',
    octetCounted({ orLines: false, maxBytes: MAX_BYTES }),
    [49, 50, 32, 32],
    referenceOctetCounted(false),
  ],
  ['netstrings', netstring({ maxBytes: MAX_BYTES }), [48, 49, 50, 58, 44], referenceNetstring],
  ['MQTT packets', mqttPackets({ maxBytes: MAX_BYTES }), [0x10, 0, 2, 9, 0x80, 0x81], referenceMqttPackets],
  [
    'any of three delimiters',
    anyOf(['\r', '\n', '\0'], { maxBytes: MAX_BYTES }),
    [10, 13, 0],
    referenceAnyOf([10, 13, 0]),
  ],
  ['fixed', fixed(7), [0], referenceFixed(7)],
  ['raw', raw(), [0], referenceRaw],
];

describe('random streams', () => {
  it.each(kinds)('%s', { timeout: 120_000 }, async (name, framing, alphabet, reference) => {
    const server = await listen('tcp://127.0.0.1:0', { framing });
    const { port } = server.address as { port: number };
    const received = new Map<number, Buffer[]>();
    const ended = new Map<number, (code: string) => void>();
    server.onBatch((batch) => {
      for (const frame of batch) {
        const from = (frame.connection.remote as { port: number }).port;
        const frames = received.get(from) ?? [];
        received.set(from, frames);
        frames.push(Buffer.from(frame.bytes()));
      }
    });
    server.onDisconnect((connection, reason) => {
      const from = (connection.remote as { port: number }).port;
      ended.get(from)?.(reason.code);
    });

    const one = async (seed: number): Promise<void> => {
      const random = randomFrom(seed * 2654435761 + 1);
      const stream = streamOf(random, alphabet);
      const client = net.connect({ port, host: '127.0.0.1', noDelay: true });
      client.on('error', () => {}); // the server closes at the first fault, whatever is still under way
      await new Promise((resolve) => client.once('connect', resolve));
      const from = client.localPort!;
      received.delete(from);
      const end = new Promise<string>((resolve) => ended.set(from, resolve));
      for (const piece of piecesOf(random, stream)) {
        client.write(piece);
        if (random(2) === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      client.end();
      const code = await end;
      ended.delete(from);
      client.destroy();
      const expected = reference(stream, name.includes('1 byte') ? 100 : MAX_BYTES);
      let frames = received.get(from) ?? [];
      if (name === 'raw' && frames.length > 0) frames = [Buffer.concat(frames)];
      const got = { seed, end: code, frames: frames.map((frame) => frame.toString('hex')) };
      const wanted = {
        seed,
        end: expected.end,
        frames: expected.frames.map((frame) => frame.toString('hex')),
      };
      expect(got).toEqual(wanted);
    };

    let next = 1;
    const worker = async (): Promise<void> => {
      while (next <= STREAMS) await one(next++);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    await server.close();
    expect(server.stats().accepted).toBe(STREAMS);
  });
});
