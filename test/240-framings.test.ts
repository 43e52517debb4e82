// What devices send, through each framing: the frames of captured streams, also when each byte comes alone; what a peer gets
// wrong costs its connection and says why; wrong arguments throw.
import net from 'node:net';
import type { Framing } from 'sluice';
import { anyOf, delimited, lengthField, lines, mqttPackets, netstring, octetCounted } from 'sluice';
import { describe, expect, it } from 'vitest';
import { listen } from './support/mode.js';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** The frames of what a client sends before it ends, as text of one byte a character, and how the connection ended. */
async function framesOf(
  framing: Framing,
  stream: Buffer,
  byteByByte: boolean,
): Promise<{ frames: string[]; end: string }> {
  const server = await listen('tcp://127.0.0.1:0', { framing });
  const frames: string[] = [];
  server.onBatch((batch) => {
    for (const frame of batch) frames.push(frame.bytes().toString('latin1'));
  });
  const end = new Promise<string>((resolve) => server.onDisconnect((_, reason) => resolve(reason.code)));
  const client = net.connect({ port: (server.address as { port: number }).port, noDelay: true });
  client.on('error', () => {}); // the server may close first
  await new Promise((resolve) => client.once('connect', resolve));
  for (const byte of byteByByte ? stream : []) {
    client.write(Buffer.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
  client.end(byteByByte ? Buffer.alloc(0) : stream);
  const result = { frames, end: await end };
  client.destroy();
  await server.close();
  return result;
}

const modbus = [hex('0001 0000 0006 01 03 0000 000a'), hex('0002 0000 0006 01 03 0010 0001')];
const mqtt = [hex('100c 0004 4d515454 04 02 003c 0000'), hex('c000')];
const long = Buffer.alloc(300, 'm');

const streams: [string, Framing, Buffer, string[]][] = [
  [
    'Modbus TCP',
    lengthField({ offset: 4, bytes: 2 }),
    Buffer.concat(modbus),
    modbus.map((frame) => frame.toString('latin1')),
  ],
  [
    'MySQL packets, header cut off',
    lengthField({ bytes: 3, endian: 'little', adjust: 1, strip: 4 }),
    hex('030000 00 616263 000000 01'),
    ['abc', ''],
  ],
  ['a length of 8 bytes', lengthField({ bytes: 8, strip: 8 }), hex('0000000000000002 6869'), ['hi']],
  ['MQTT', mqttPackets(), Buffer.concat(mqtt), mqtt.map((frame) => frame.toString('latin1'))],
  [
    'a long MQTT packet',
    mqttPackets(),
    Buffer.concat([hex('30ac02'), long]),
    [`\x30\xac\x02${long.toString('latin1')}`],
  ],
  [
    'syslog, counted and in lines',
    octetCounted(),
    Buffer.from('10 <13>hello\n<13>one\r\n7 <13>two<13>rest'),
    ['<13>hello\n', '<13>one', '<13>two', '<13>rest'],
  ],
  ['netstrings', netstring(), Buffer.from('5:a,b,c,0:,3:xyz,'), ['a,b,c', '', 'xyz']],
  [
    'GELF, which ends with NUL, then with a newline',
    anyOf(['\0', '\n']),
    Buffer.from('{"short_message":"one"}\0\n'),
    ['{"short_message":"one"}'],
  ],
  [
    'any of LF, CR, CRLF and NUL',
    anyOf(['\r', '\n', '\0']),
    Buffer.from('a\rb\r\nc\0d\n'),
    ['a', 'b', 'c', 'd'],
  ],
];

describe('streams of devices are cut into their messages', () => {
  it.each(streams)('%s', async (_, framing, stream, frames) => {
    expect(await framesOf(framing, stream, false)).toEqual({ frames, end: 'PEER_ENDED' });
  });

  it.each(streams)('%s, byte by byte', async (_, framing, stream, frames) => {
    expect(await framesOf(framing, stream, true)).toEqual({ frames, end: 'PEER_ENDED' });
  });

  it('leaves out empty frames between those that fill many reads', async () => {
    const stream = Buffer.from(
      `${'\n'.repeat(100_000)}one${'\n'.repeat(300_000)}two\n${'\r'.repeat(300_000)}`,
    );
    expect(await framesOf(anyOf(['\r', '\n']), stream, false)).toEqual({
      frames: ['one', 'two'],
      end: 'PEER_ENDED',
    });
  });
});

describe('what a peer gets wrong costs its connection', () => {
  it.each<[string, Framing, Buffer, string[], string]>([
    ['a length of 2^63', lengthField({ bytes: 8 }), hex('8000000000000000'), [], 'ERR_FRAME_TOO_LARGE'],
    [
      'a length of 2^63, adjusted',
      lengthField({ bytes: 8, adjust: -(2 ** 30) }),
      hex('8000000000000000'),
      [],
      'ERR_FRAME_TOO_LARGE',
    ],
    [
      'a length below its header',
      lengthField({ bytes: 2, adjust: -2 }),
      hex('0002 0001'),
      ['\0\x02'],
      'ERR_FRAME_MALFORMED',
    ],
    ['a count with a leading zero', octetCounted(), Buffer.from('01 a'), [], 'ERR_FRAME_MALFORMED'],
    [
      'a line where only counts are allowed',
      octetCounted({ orLines: false }),
      Buffer.from('<13>a\n'),
      [],
      'ERR_FRAME_MALFORMED',
    ],
    [
      'a count above the limit',
      octetCounted({ maxBytes: 10 }),
      Buffer.from('11 '),
      [],
      'ERR_FRAME_TOO_LARGE',
    ],
    ['a netstring without its comma', netstring(), Buffer.from('1:a;'), [], 'ERR_FRAME_MALFORMED'],
    ['a netstring cut off', netstring(), Buffer.from('1:a,9:b'), ['a'], 'ERR_FRAME_TRUNCATED'],
    ['an MQTT length of five bytes', mqttPackets(), hex('10 80808080'), [], 'ERR_FRAME_MALFORMED'],
    ['MQTT of the reserved type', mqttPackets(), hex('c000 0000'), ['\xc0\0'], 'ERR_FRAME_MALFORMED'],
    [
      'no delimiter within the limit',
      anyOf(['|'], { maxBytes: 3 }),
      Buffer.from('a|abcd'),
      ['a'],
      'ERR_FRAME_TOO_LARGE',
    ],
    ['no delimiter at the end', anyOf(['|']), Buffer.from('a|b'), ['a'], 'ERR_FRAME_TRUNCATED'],
  ])('%s', async (_, framing, stream, frames, end) => {
    expect(await framesOf(framing, stream, false)).toEqual({ frames, end });
  });
});

describe('wrong arguments throw with their value', () => {
  it.each<[string, () => unknown, string]>([
    ['no options for lengthField', () => lengthField(undefined as never), 'ERR_INVALID_ARG_TYPE'],
    ['a length of 9 bytes', () => lengthField({ bytes: 9 as never }), 'ERR_OUT_OF_RANGE'],
    ['a negative offset', () => lengthField({ bytes: 1, offset: -1 }), 'ERR_OUT_OF_RANGE'],
    ['half a byte stripped', () => lengthField({ bytes: 1, strip: 0.5 }), 'ERR_OUT_OF_RANGE'],
    ['an unknown option', () => lengthField({ bytes: 1, length: 2 } as never), 'ERR_INVALID_ARG_VALUE'],
    [
      'another byte order',
      () => lengthField({ bytes: 2, endian: 'middle' as never }),
      'ERR_INVALID_ARG_VALUE',
    ],
    ['orLines that is no boolean', () => octetCounted({ orLines: 1 as never }), 'ERR_INVALID_ARG_TYPE'],
    ['a netstring without room', () => netstring({ maxBytes: 0 }), 'ERR_OUT_OF_RANGE'],
    ['an MQTT limit that is a text', () => mqttPackets({ maxBytes: '1' as never }), 'ERR_INVALID_ARG_TYPE'],
    ['one delimiter for anyOf', () => anyOf('|' as never), 'ERR_INVALID_ARG_TYPE'],
    ['no delimiters', () => anyOf([]), 'ERR_OUT_OF_RANGE'],
    ['an empty delimiter', () => anyOf(['a', '']), 'ERR_INVALID_ARG_VALUE'],
    ['a delimiter that is a number', () => anyOf([10 as never]), 'ERR_INVALID_ARG_TYPE'],
  ])('%s', (_, make, code) => {
    expect(make).toThrow(expect.objectContaining({ code }));
  });

  it.each<[string, (onTooLong: 'close' | 'truncate' | 'skip') => Framing]>([
    ['lines', (onTooLong) => lines({ onTooLong })],
    ['delimited', (onTooLong) => delimited('|', { onTooLong })],
    ['octetCounted', (onTooLong) => octetCounted({ onTooLong })],
    ['anyOf', (onTooLong) => anyOf(['|'], { onTooLong })],
  ])('%s closes at a frame that is too long, and refuses to do otherwise', (kind, make) => {
    expect(make('close').kind).toBe(kind);
    for (const other of ['truncate', 'skip'] as const) {
      expect(() => make(other)).toThrow(expect.objectContaining({ code: 'ERR_NOT_SUPPORTED', value: other }));
    }
    expect(() => make('drop' as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }));
  });

  it('refuses a header longer than the longest frame where it is listened', async () => {
    const framing = lengthField({ offset: 100, bytes: 2, maxBytes: 1000 });
    await expect(listen('tcp://127.0.0.1:0', { framing, limits: { frameBytes: 64 } })).rejects.toMatchObject({
      code: 'ERR_OUT_OF_RANGE',
      value: 102,
    });
  });
});
