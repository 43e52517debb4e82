/**
 * Values that V8 writes: graphs with cycles, Maps, Sets, Dates, errors, typed arrays.
 *
 * `v8.serialize` would do, but for views: it writes each as if it were alone, and reads it as a view of the message, or of the slab of
 * `Buffer.allocUnsafe`, where other messages lie. Here views are V8's own affair, as with a message port: a buffer is written once, whatever
 * looks at it, and the buffer that arrives is nobody else's. Only Buffers are different, since theirs is mostly a slab: each is written
 * without the rest of its slab, and arrives as a Buffer with memory of its own.
 */
import { Buffer } from 'node:buffer';
import v8 from 'node:v8';
import { bytesOf } from '../copy-bytes.js';
import { inspectForV8 } from './host-objects.js';

/** What Node's class calls, and lets a subclass call. */
interface SerializerHooks {
  _setTreatArrayBufferViewsAsHostObjects(are: boolean): void;
}

const BUFFER = 0;
type View = Uint8Array | DataView;
type ViewType = new (buffer: ArrayBuffer, byteOffset: number, length: number) => View;
const viewTypes: ViewType[] = [];
for (const name of Object.getOwnPropertyNames(globalThis).sort()) {
  // Looked at by name first: in a program given to `--eval`, names of built-in modules are getters that load them.
  if (!name.endsWith('Array') && name !== 'DataView') continue;
  const type = (globalThis as unknown as Record<string, ViewType>)[name]!;
  const isTyped = Object.getPrototypeOf(type) === Object.getPrototypeOf(Uint8Array);
  if (isTyped || name === 'DataView') viewTypes.push(type);
}

/** Views are handed to `_writeHostObject`, which is called within the writing and may write further values. */
class SerializerWithBuffers extends v8.Serializer {
  constructor() {
    super();
    (this as unknown as SerializerHooks)._setTreatArrayBufferViewsAsHostObjects(true);
  }

  _writeHostObject(value: object): void {
    if (!ArrayBuffer.isView(value)) throw new TypeError('a host object can travel only by message port');
    const { buffer, byteOffset, byteLength } = value;
    if (buffer instanceof SharedArrayBuffer)
      throw new TypeError('shared memory can travel only by message port');
    if (Buffer.isBuffer(value)) {
      this.writeUint32(BUFFER);
      this.writeUint32(byteLength);
      this.writeRawBytes(value);
      return;
    }
    if ((buffer as { resizable?: boolean }).resizable)
      throw new TypeError('a resizable buffer beside a Buffer can travel only by message port');
    const type = viewTypes.findIndex(
      (one) => Object.prototype.toString.call(value) === `[object ${one.name}]`,
    );
    this.writeUint32(1 + type);
    this.writeUint32(byteOffset);
    this.writeUint32((value as { length?: number }).length ?? byteLength);
    this.writeValue(buffer); // last: what V8 reads behind a buffer it might take for a view of it
  }
}

class DeserializerWithBuffers extends v8.Deserializer {
  _readHostObject(): unknown {
    const type = this.readUint32();
    if (type === BUFFER) {
      const bytes = this.readRawBytes(this.readUint32());
      return bytesOf(bytes, 0, bytes.length);
    }
    const byteOffset = this.readUint32();
    const length = this.readUint32();
    return new viewTypes[type - 1]!(this.readValue() as ArrayBuffer, byteOffset, length);
  }
}

/** Whether the bytes are to be read with Buffers, and the bytes. */
export interface V8Value {
  readonly hasBuffers: boolean;
  readonly bytes: Buffer;
}

/** @throws whatever is the reason that V8 can't write `value` such that it arrives as by a message port */
export function serialize(value: unknown): V8Value {
  const { hasBuffers } = inspectForV8(value);
  const serializer = hasBuffers ? new SerializerWithBuffers() : new v8.Serializer();
  serializer.writeHeader();
  serializer.writeValue(value);
  return { hasBuffers, bytes: serializer.releaseBuffer() };
}

/** `bytes` are only read during the call. @throws where V8 has written what it can't read: deep nesting, an error's cause that is itself */
export function deserialize({ hasBuffers, bytes }: V8Value): unknown {
  const deserializer = hasBuffers ? new DeserializerWithBuffers(bytes) : new v8.Deserializer(bytes);
  deserializer.readHeader();
  return deserializer.readValue();
}
