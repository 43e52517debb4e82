import { runInThisContext } from 'node:vm';
import fc from 'fast-check';
import { bytes, type Codec, CodecError, float64, int32, json, structured, utf8 } from 'sluice';
import { describe, expect, it } from 'vitest';

const RUNS = process.env.SLUICE_STRESS === 'full' ? 200_000 : 3000;

/** The types of Node don't know WebAssembly. */
const compiledModule = (): unknown =>
  runInThisContext('new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0))');

const twoViews = (buffer: ArrayBuffer): Uint8Array[] => [new Uint8Array(buffer), new Uint8Array(buffer, 4)];
const resizable = (byteLength: number, maxByteLength: number): ArrayBuffer =>
  new (ArrayBuffer as unknown as new (length: number, options: object) => ArrayBuffer)(byteLength, {
    maxByteLength,
  });

const through = <T>(codec: Codec<T>, value: T): T => codec.decode(codec.encode(value));

describe('structured', () => {
  const anything = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withTypedArray: true,
    withSparseArray: true,
    withUnicodeString: true,
    maxDepth: 4,
  });

  it('gives what structuredClone gives', () => {
    fc.assert(
      fc.property(anything, (value) => {
        expect(through(structured, value)).toStrictEqual(structuredClone(value));
      }),
      { numRuns: RUNS },
    );
  });

  it.each([
    ['negative zero', -0],
    ['not a number', Number.NaN],
    ['the largest integer of 32 bits', 2 ** 31 - 1],
    ['one more', 2 ** 31],
    ['an empty string', ''],
    ['a long ASCII string', 'x'.repeat(10_000)],
    ['a long string of others', 'é✓𝄞'.repeat(5000)],
    ['lone surrogates', 'a\ud800b'],
    ['lone surrogates, long', '\udc00'.repeat(999)],
    ['holes', Object.assign(new Array(3), { 0: 1, 2: 3 })],
    ['an array with a property', Object.assign([1, 2], { extra: true })],
    ['more objects than are written by hand', Array.from({ length: 100 }, (_, i) => ({ i, deep: [{ i }] }))],
    ['an error', new RangeError('out', { cause: { code: 7 } })],
    ['a key named __proto__', JSON.parse('{"__proto__": 1, "b": 2}')],
    ['undefined in a record', { a: undefined }],
  ])('carries %s', (_, value) => {
    const got = through(structured, value);
    expect(got).toStrictEqual(value);
    if (typeof value === 'object') expect(Object.keys(got)).toStrictEqual(Object.keys(value as object));
  });

  it('keeps identity and cycles', () => {
    const one = { name: 'one' };
    const both = through(structured, { a: one, b: [one] });
    expect(both.a).toBe(both.b[0]);
    const ring: { self?: unknown } = {};
    ring.self = ring;
    const got = through(structured, ring);
    expect(got.self).toBe(got);
    const memory = new Uint8Array(8);
    const [first, second] = through(structured, [memory, memory]);
    expect(first).toBe(second);
  });

  it('carries a Buffer as a Buffer, without the rest of its slab', () => {
    const got = through(structured, { small: Buffer.from('ab') }).small;
    expect(Buffer.isBuffer(got)).toBe(true);
    expect(got.toString()).toBe('ab');
    expect(got.buffer.byteLength).toBe(2);
    const { bytes, map } = through(structured, {
      bytes: Buffer.from('ab'),
      map: new Map([['b', Buffer.from('cd')]]),
    });
    expect([bytes.buffer.byteLength, map.get('b').buffer.byteLength]).toStrictEqual([2, 2]);
    expect(Buffer.isBuffer(map.get('b'))).toBe(true);
  });

  it.each([
    ['a view of a part', () => [new Uint8Array(new ArrayBuffer(64), 8, 4)]],
    ['two views of one buffer', () => twoViews(new ArrayBuffer(16))],
    ['two views beside a Buffer', () => [...twoViews(new ArrayBuffer(16)), Buffer.from('x')]],
    ['a buffer and its view', () => [new ArrayBuffer(16)].flatMap((b) => [b, new DataView(b, 2, 4)])],
    ['a view of a view, and a Buffer', () => [new Float64Array(4).subarray(1, 3), Buffer.from('x')]],
    ['a whole array of doubles', () => [new Float64Array([1.5, 2.5])]],
    ['a view that follows a buffer that grows', () => [new Uint8Array(resizable(8, 16))]],
  ])('gives %s the buffer that a message port gives', (_, make) => {
    const shape = (parts: readonly (ArrayBufferView | ArrayBuffer)[]): unknown[] => {
      const buffers = new Set<ArrayBufferLike>();
      return parts
        .filter((part) => !Buffer.isBuffer(part))
        .map((part) => {
          const buffer = ArrayBuffer.isView(part) ? part.buffer : part;
          buffers.add(buffer);
          const at = ArrayBuffer.isView(part) ? [part.byteOffset, part.byteLength] : [];
          return [part.constructor.name, buffer.byteLength, [...buffers].indexOf(buffer), ...at];
        });
    };
    const got = through(structured, make());
    expect(got).toStrictEqual(make());
    expect(shape(got)).toStrictEqual(shape(structuredClone(make().filter((part) => !Buffer.isBuffer(part)))));
  });

  it('gives values that hold no memory of the message', () => {
    const encoded = structured.encode({
      map: new Map([[1, new Uint8Array([1, 2, 3])]]),
      bytes: Buffer.from('abc'),
    });
    const value = structured.decode(encoded);
    encoded.fill(0);
    expect([...value.map.get(1)]).toStrictEqual([1, 2, 3]);
    expect(value.bytes.toString()).toBe('abc');
  });

  it.each([
    ['a function', () => {}],
    ['a symbol', Symbol('s')],
    ['an object with a function in it', { a: [1, { f() {} }] }],
    ['a promise', Promise.resolve()],
    ['a port', new MessageChannel().port1],
    ['a blob', { in: [new Blob(['hello'])] }],
    ['a compiled module', new Map([['m', compiledModule()]])],
    ['shared memory', new Uint8Array(new SharedArrayBuffer(8))],
    ['shared memory beside a Buffer', [Buffer.from('x'), new Uint8Array(new SharedArrayBuffer(8))]],
    ['a proxy', new Proxy({ a: 1 }, {})],
    ['a proxy of an array', [new Proxy([1], {})]],
  ])('refuses %s, and is good for the next value', (_, value) => {
    expect(() => structured.encode(value)).toThrow(CodecError);
    try {
      structured.encode(value);
    } catch (error) {
      expect((error as CodecError).code).toBe('ERR_CODEC');
      expect((error as CodecError).codec).toBe('structured');
      expect((error as Error).cause).toBeInstanceOf(Error);
    }
    expect(through(structured, [1, 'two'])).toStrictEqual([1, 'two']);
  });

  it('reports a value that it wrote and cannot read', () => {
    let deep = {};
    for (let i = 0; i < 500; i++) deep = { deep };
    const encoded = structured.encode(deep);
    const decodeNearTheEnd = (): unknown => {
      try {
        return decodeNearTheEnd();
      } catch (error) {
        if (error instanceof CodecError) throw error;
        return structured.decode(encoded);
      }
    };
    expect(decodeNearTheEnd).toThrow(CodecError);
    expect(structured.decode(encoded)).toHaveProperty('deep.deep');
  });

  it('lets the error of a getter through', () => {
    const trap = {
      get broken(): never {
        throw new RangeError('no');
      },
    };
    expect(() => structured.encode([trap])).toThrow(RangeError);
    expect(through(structured, [1])).toStrictEqual([1]);
  });
});

describe('the others', () => {
  it('carry the values they are made for', () => {
    expect(through(bytes, Buffer.from('abc')).toString()).toBe('abc');
    expect(through(bytes, new Uint8Array(0))).toHaveLength(0);
    expect(through(utf8, 'grüße ✓ 𝄞')).toBe('grüße ✓ 𝄞');
    expect(through(json, { a: [1, 'x', null] })).toStrictEqual({ a: [1, 'x', null] });
    for (const n of [0, -1, 2 ** 31 - 1, -(2 ** 31)]) expect(through(int32, n)).toBe(n);
    for (const n of [0.1, -0, Number.NaN, Infinity, Number.MAX_VALUE]) expect(through(float64, n)).toBe(n);
  });

  it.each<[string, () => unknown, string]>([
    ['bytes of a string', () => bytes.encode('abc' as never), 'ERR_INVALID_ARG_TYPE'],
    ['text of a number', () => utf8.encode(1 as never), 'ERR_INVALID_ARG_TYPE'],
    ['JSON of undefined', () => json.encode(undefined), 'ERR_INVALID_ARG_TYPE'],
    ['32 bits of 2^31', () => int32.encode(2 ** 31), 'ERR_OUT_OF_RANGE'],
    ['32 bits of a fraction', () => int32.encode(0.5), 'ERR_OUT_OF_RANGE'],
    ['a double of a string', () => float64.encode('1' as never), 'ERR_INVALID_ARG_TYPE'],
  ])('refuse %s', (_, encode, code) => {
    expect(encode).toThrow(expect.objectContaining({ code }));
  });
});
