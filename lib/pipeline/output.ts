/**
 * Where values go at the end: of a pipeline, of an input's quarantine, of a dead letter. Whatever it is, it comes down to one
 * function that takes some values and whose promise is their acknowledgement.
 */
import { Buffer } from 'node:buffer';
import type { Writable } from 'node:stream';
import type { SendChannel } from '../channel/index.js';
import { InvalidArgTypeError } from '../errors.js';
import type { Connection, OutputData } from '../net/index.js';

/** Where a log, a bus topic or another library's destination keeps its {@link OutputSink}. */
export const outputSink: unique symbol = Symbol.for('sluice.outputSink');

/** What an {@link OutputFunction} is called with beside the values. */
export interface OutputCall {
  /** Fires when nobody waits for the outcome any more. */
  readonly signal: AbortSignal;
}

/**
 * Takes values and acknowledges them: when it returns, or when its promise resolves, they are as safe as they will be. It is called
 * again only then.
 */
// biome-ignore lint/suspicious/noConfusingVoidType: a function that acknowledges at once returns nothing
export type OutputFunction<T> = (values: T[], call: OutputCall) => PromiseLike<unknown> | void;

/** What writes values somewhere, in order. */
export interface OutputSink<in T> {
  /** Writes `values`, of which there is at least one. All of them are acknowledged when the promise resolves, none if it rejects. */
  write(values: readonly T[], call: OutputCall): PromiseLike<unknown> | undefined;
  /** Whether it takes only strings and bytes: then a dead letter is written as JSON. Default: false. */
  readonly takesBytes?: boolean;
  /** Whether a group, the array that `.batch()` made, is one value to it. Default: false, `write` gets the group's values. */
  readonly takesGroups?: boolean;
}

/** What has an {@link OutputSink}: a log, a bus topic. */
export interface OutputTarget<in T> {
  /** The way in. */
  readonly [outputSink]: OutputSink<T>;
}

/** An {@link Output} that is no function. */
export type OutputPlace<T> =
  | OutputTarget<T>
  | Pick<SendChannel<T>, 'sendMany' | 'trySend'>
  | Connection
  | Writable
  | WritableStream<T>;

/**
 * Where values can go: a channel, a connection, a bus topic, a log, a Node or web stream, or a function. Acknowledged means: taken by the
 * channel, handed to the system by the connection, written as durably as the topic or log promises, called back by the
 * Node stream, accepted by the web stream. None of them is closed by who writes to it.
 */
export type Output<T> = OutputFunction<T> | OutputPlace<T>;

/**
 * @internal
 * @throws InvalidArgTypeError
 */
export function resolveOutput<T>(name: string, output: Output<T>): OutputSink<T> {
  if (typeof output === 'function')
    return { write: (values, call) => output(values as T[], call) ?? undefined };
  if (typeof output === 'object' && output !== null) {
    const target = output as Partial<OutputTarget<T>>;
    if (target[outputSink] !== undefined) return target[outputSink];
    if (isChannel<T>(output)) return channelSink(output);
    if (typeof (output as WritableStream<T>).getWriter === 'function')
      return webStreamSink(output as WritableStream<T>);
    if (isConnection(output)) return connectionSink(output) as OutputSink<T>;
    if (typeof (output as Writable).write === 'function' && typeof (output as Writable).on === 'function')
      return nodeStreamSink(output as Writable);
  }
  throw new InvalidArgTypeError(
    name,
    'a function, a channel, a connection, a log, a bus topic or a writable stream',
    output,
  );
}

function isChannel<T>(output: object): output is Pick<SendChannel<T>, 'sendMany' | 'trySend'> {
  const { sendMany, trySend } = output as Partial<SendChannel<T>>;
  return typeof sendMany === 'function' && typeof trySend === 'function';
}

function channelSink<T>(channel: Pick<SendChannel<T>, 'sendMany'>): OutputSink<T> {
  return { takesGroups: true, write: (values, { signal }) => channel.sendMany(values, { signal }) };
}

function isConnection(output: object): output is Connection {
  const { write, drained, destroy } = output as Partial<Connection>;
  return typeof write === 'function' && typeof drained === 'function' && typeof destroy === 'function';
}

function connectionSink(connection: Connection): OutputSink<OutputData> {
  return {
    takesBytes: true,
    async write(values, { signal }) {
      for (const value of values) if (!connection.write(value)) await connection.drained({ signal });
      await connection.drained({ signal });
    },
  };
}

/**
 * A stream that is destroyed calls back each write with the error, so every promise here settles; the listener for 'error' is there because
 * a stream also emits the error, which would end the process.
 */
function nodeStreamSink<T>(stream: Writable): OutputSink<T> {
  let listens = false;
  return {
    takesBytes: !stream.writableObjectMode,
    takesGroups: stream.writableObjectMode,
    write(values) {
      if (!listens) {
        listens = true;
        stream.on('error', () => {});
      }
      const chunks = values.map((value) => streamChunk(stream, value));
      return new Promise<void>((resolve, reject) => {
        let left = chunks.length;
        const written = (error: Error | null | undefined): void => {
          if (error != null) reject(error);
          else if (--left === 0) resolve();
        };
        // Many small writes become one system call where the stream can do that.
        if (chunks.length > 1) {
          stream.cork();
          process.nextTick(() => stream.uncork()); // also when a write throws
        }
        for (const chunk of chunks) stream.write(chunk, written);
      });
    },
  };
}

/** A stream refuses what it can't take by an exception in the middle of a group: here it is refused before the first is written. */
function streamChunk(stream: Writable, value: unknown): unknown {
  if (value === null) throw new InvalidArgTypeError('a value for a stream', 'anything but null', value);
  if (stream.writableObjectMode || typeof value === 'string' || value instanceof Uint8Array) return value;
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  throw new InvalidArgTypeError('a value for a stream of bytes', 'a string or bytes', value);
}

/** The lock is taken only while something is written: others may write in between. */
function webStreamSink<T>(stream: WritableStream<T>): OutputSink<T> {
  return {
    takesGroups: true,
    async write(values) {
      const writer = stream.getWriter();
      try {
        const writes = values.map((value) => writer.ready.then(() => writer.write(value)));
        // Each is looked at: one that fails behind another must not be reported as unhandled.
        for (const write of writes) write.catch(() => {});
        for (const write of writes) await write;
      } finally {
        writer.releaseLock();
      }
    },
  };
}
