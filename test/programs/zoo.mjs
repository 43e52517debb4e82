// Values of all kinds, made anew in whichever thread asks, and a way to say what arrived.
import { createSecretKey } from 'node:crypto';
import { BlockList, SocketAddress } from 'node:net';
import vm from 'node:vm';
import { receiveMessageOnPort } from 'node:worker_threads';

const twoViews = (buffer) => [new Uint8Array(buffer), new Uint8Array(buffer, 4, 4)];
const nested = (depth) => {
  let value = {};
  for (let i = 0; i < depth; i++) value = { value };
  return value;
};
const ring = () => {
  const value = { map: new Map() };
  value.map.set('self', value);
  return value;
};
const causesItself = () => {
  const error = new Error('round');
  error.cause = error;
  return error;
};
class Point {
  x = 1;
  y = new Map([['z', 2n]]);
}
class LoudDate extends Date {}

/** By name; true in second place: what only a message port carries where it is carried at all. */
const values = {
  undefined: [() => undefined],
  'negative zero': [() => -0],
  bigint: [() => 2n ** 70n],
  'lone surrogates': [() => ['\ud800', 'é✓𝄞']],
  'plain objects': [() => ({ a: [1, 2.5, null, undefined], b: { c: 'text' } })],
  'named twice': [() => [{ x: 1 }, { x: 1 }].flatMap((one) => [one, one])],
  'a ring': [ring],
  holes: [() => Object.assign(new Array(4), { 1: 'x', named: true })],
  'no prototype': [() => Object.assign(Object.create(null), { a: 1 })],
  'Map and Set': [() => new Map([[new Set([1]), new Date(5)]])],
  'boxed primitives': [() => [Object(1), Object('s'), Object(true), Object(1n)]],
  RegExp: [() => /a(b)/giu],
  'invalid Date': [() => new Date(Number.NaN)],
  'a class': [() => new Point()],
  'a class that extends Date': [() => new LoudDate(7)],
  'of another realm': [
    () => vm.runInNewContext('({ m: new Map([[1, [new Date(3)]]]), e: new RangeError("far") })'),
  ],
  'an error': [() => new RangeError('out', { cause: { at: 3 } })],
  'an error that causes itself': [causesItself],
  AggregateError: [() => new AggregateError([new Error('one')], 'all')],
  ArrayBuffer: [() => new Uint8Array([1, 2, 3]).buffer],
  'a short Uint8Array': [() => new Uint8Array([1, 2, 3])],
  'a long Uint8Array': [() => new Uint8Array(100_000).fill(7)],
  'a view of a part': [() => new Uint8Array(new ArrayBuffer(64), 8, 4).fill(1)],
  'two views of a buffer': [() => twoViews(new ArrayBuffer(16))],
  'a buffer and a DataView': [() => [new ArrayBuffer(8)].flatMap((b) => [new DataView(b, 2, 4), b])],
  Float64Array: [() => new Float64Array([0.5, -0])],
  BigInt64Array: [() => new BigInt64Array([1n, -1n])],
  'a resizable buffer': [() => new Uint8Array(new ArrayBuffer(8, { maxByteLength: 16 }))],
  Buffer: [() => Buffer.from('abc')],
  'Buffers in a Map': [() => new Map([['a', Buffer.from('abc')]])],
  'Buffers and views': [() => [Buffer.from('abc'), ...twoViews(new ArrayBuffer(16))]],
  SharedArrayBuffer: [() => new SharedArrayBuffer(8), true],
  'a view of shared memory': [() => new Int32Array(new SharedArrayBuffer(8)), true],
  'WebAssembly.Module': [() => new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0)), true],
  'WebAssembly.Memory, shared': [
    () => new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }),
    true,
  ],
  'WebAssembly.Memory': [() => new WebAssembly.Memory({ initial: 1 }), true],
  Blob: [() => ({ deep: [new Blob(['hello'])] }), true],
  File: [() => new File(['hello'], 'name.txt'), true],
  URL: [() => new URL('http://sluice.test/?a=1'), true],
  URLSearchParams: [() => new Map([['q', new URLSearchParams('a=1')]]), true],
  Headers: [() => new Headers({ a: 'b' }), true],
  BlockList: [() => new BlockList(), true],
  SocketAddress: [() => new SocketAddress({ address: '10.1.2.3' }), true],
  DOMException: [() => new DOMException('gone', 'AbortError'), true],
  KeyObject: [() => createSecretKey(Buffer.from('secret')), true],
  EventTarget: [() => new EventTarget(), true],
  'a deep object': [() => nested(20_000), true],
  'a deep object that can be written': [() => nested(5000), true],
  'a function': [() => ({ f() {} })],
  'a symbol': [() => [Symbol('s')]],
  'a promise': [() => [Promise.resolve()]],
  'a WeakMap': [() => new WeakMap()],
  'a proxy': [() => new Proxy({ a: 1 }, {})],
  'a generator': [() => [(function* () {})()]],
  'a port that does not move': [() => new MessageChannel().port1],
};

export const names = Object.keys(values);
export const make = (name) => values[name][0]();
export const isPortOnly = (name) => values[name][1] === true;

/** Writes out what arrived: classes, contents, which parts are the same, and what buffers lie under views. */
export async function describe(root) {
  const known = new Map();
  const lines = [];
  const number = (value) => {
    if (!known.has(value)) known.set(value, known.size);
    return known.get(value);
  };
  const pending = [['', root]];
  while (pending.length > 0) {
    const [path, value] = pending.shift();
    if (typeof value !== 'object' || value === null) {
      lines.push(`${path} ${typeof value} ${Object.is(value, -0) ? '-0' : String(value)}`);
      continue;
    }
    const isNew = !known.has(value);
    lines.push(`${path} #${number(value)} ${await own(value, number)}`);
    if (!isNew) continue;
    if (value instanceof Map || value instanceof Set) {
      const parts = value instanceof Map ? [...value].flat() : [...value];
      for (const [i, part] of parts.entries()) pending.push([`${path}(${i})`, part]);
    }
    if (value instanceof Error)
      for (const key of ['name', 'message', 'cause']) pending.push([`${path}.${key}`, value[key]]);
    if (!ArrayBuffer.isView(value) && !(value instanceof String))
      for (const key of Object.keys(value)) pending.push([`${path}.${key}`, value[key]]);
  }
  return lines.length < 100 ? lines.join('\n') : `${lines.length} lines`;
}

async function own(value, number) {
  // Where the codec is better than a port: a Buffer stays one, without its slab.
  if (Buffer.isBuffer(value)) return `Uint8Array ${value.toString('hex')} of a slab`;
  const type = Object.getPrototypeOf(value)?.constructor?.name;
  if (value instanceof SharedArrayBuffer) return `${type} ${value.byteLength}`;
  if (value instanceof ArrayBuffer)
    return `${type} ${Buffer.from(value).toString('hex').slice(0, 99)} ${value.byteLength} ${value.resizable}`;
  if (ArrayBuffer.isView(value)) {
    const { buffer, byteOffset, byteLength } = value;
    const bytes = Buffer.from(buffer, byteOffset, byteLength).toString('hex').slice(0, 99);
    return `${type} ${bytes} ${byteLength} at ${byteOffset} of #${number(buffer)}, ${buffer.byteLength} bytes, ${buffer.resizable}`;
  }
  if (value instanceof Blob) return `${type} ${value.name} ${await value.text()}`;
  if (value instanceof Date) return `${type} ${value.getTime()}`;
  if (value instanceof WebAssembly.Memory) return `${type} ${value.buffer.byteLength}`;
  const boxed = [Number, String, Boolean, BigInt].some((one) => value instanceof one);
  if (boxed || value instanceof RegExp) return `${type} ${String(value)}`;
  if (type === 'SocketAddress') return `${type} ${value.address}`;
  if (type === 'SecretKeyObject') return `${type} ${value.export().toString('hex')}`;
  return `${type} ${Array.isArray(value) ? value.length : ''}`;
}

/** What a message port makes of a value: `refused` when it can't be sent, or not be read. */
export async function byPort(name) {
  if (name.startsWith('Buffer')) return describe(make(name)); // what a port makes of one shows its whole slab
  const { port1, port2 } = new MessageChannel();
  try {
    port1.postMessage(make(name));
    return await describe(receiveMessageOnPort(port2).message);
  } catch {
    return 'refused';
  } finally {
    port1.close();
  }
}

async function outcome(run) {
  try {
    return await run();
  } catch (error) {
    if (error?.code !== 'ERR_CODEC') throw error;
    return 'refused';
  }
}

/** Takes the value of that name through a pool, one way or another, and says what arrived. */
export const paths = {
  arguments: (pool, name) => outcome(() => pool.run('describe', [make(name)])),
  results: (pool, name) => outcome(async () => describe(await pool.run('give', [name]))),
  items: (pool, name) =>
    outcome(async () => {
      const seen = [];
      for await (const item of await pool.run('items', [name])) seen.push(item);
      if (seen[0] !== 'first' || seen[2] !== 'last') throw new Error(`out of order: ${seen}`);
      return describe(seen[1]);
    }),
  progress: (pool, name) =>
    outcome(async () => {
      const seen = [];
      await pool.run('report', [name], { onProgress: (value) => seen.push(value) });
      return describe(seen.at(-1));
    }),
  'error property': (pool, name) =>
    pool.run('fail', [name]).then(null, async (error) => {
      if (error.code !== 'E_PART' || error.more !== 2) throw error;
      return typeof error.part === 'string' ? 'refused' : describe(error.part);
    }),
};
