/** Where `sluice pipe` writes values: strings and bytes as they are, anything else as JSON. */
import { Buffer } from 'node:buffer';
import { InvalidArgValueError } from '../errors.js';
import { type LogOptions, openLog } from '../log/index.js';
import { connect, raw } from '../net/index.js';
import { type OutputSink, type OutputTarget, outputSink } from '../pipeline/index.js';
import { openSink } from './sink.js';

/** What is written to. */
export interface PipeOutput extends OutputTarget<unknown> {
  close(): Promise<void>;
}

export interface PipeOutputOptions {
  truncate: boolean;
  /** What follows each value in a file or a stream. */
  separator: Uint8Array;
  durability: LogOptions['durability'];
}

/** One line an output; a name that begins like none of them is a file's. */
export const PIPE_OUTPUTS: readonly {
  readonly prefix: string;
  readonly usage: string;
  readonly help: string;
  open(name: string, options: PipeOutputOptions): Promise<PipeOutput>;
}[] = [
  { prefix: 'null', usage: 'null', help: 'nowhere: values are only counted', open: openNull },
  { prefix: 'log:', usage: 'log:DIR', help: 'a log, a record for each value', open: openRecords },
  { prefix: 'tcp:', usage: 'tcp://HOST:PORT', help: 'a connection to this address', open: openConnection },
  { prefix: 'unix:', usage: 'unix:///PATH', help: 'the same on a unix socket', open: openConnection },
  { prefix: '', usage: 'stdout, or a file', help: 'appended to', open: openFile },
];

export function openPipeOutput(name: string, options: PipeOutputOptions): Promise<PipeOutput> {
  const kind = PIPE_OUTPUTS.find(({ prefix }) =>
    prefix === 'null' ? name === prefix : name.startsWith(prefix),
  );
  return kind!.open(name, options);
}

function outputOf(write: OutputSink<unknown>['write'], close: () => Promise<void>): PipeOutput {
  return { [outputSink]: { takesBytes: true, write }, close };
}

function bytesOf(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  return Buffer.from(typeof value === 'string' ? value : (JSON.stringify(value) ?? 'null'));
}

function joined(values: readonly unknown[], separator: Uint8Array): Buffer {
  return Buffer.concat(values.flatMap((value) => [bytesOf(value), separator]));
}

async function openNull(): Promise<PipeOutput> {
  return outputOf(
    () => undefined,
    async () => {},
  );
}

async function openRecords(name: string, { durability }: PipeOutputOptions): Promise<PipeOutput> {
  const directory = name.slice('log:'.length);
  if (directory === '') throw new InvalidArgValueError('--to', 'must name a directory: log:DIR', name);
  const log = await openLog(directory, durability === undefined ? {} : { durability });
  return outputOf(
    (values) => log.appendMany(values.map(bytesOf)),
    () => log.close(),
  );
}

async function openConnection(name: string, { separator }: PipeOutputOptions): Promise<PipeOutput> {
  const peer = await connect(name, { framing: raw() });
  peer.onBatch(() => {}); // what the other side answers is not read by anybody, and must not stop it
  return outputOf(
    async (values, { signal }) => {
      peer.write(joined(values, separator));
      await peer.drained({ signal });
    },
    async () => {
      if (!peer.closed) {
        peer.end();
        await peer.drained().catch(() => {});
      }
      await peer.close();
    },
  );
}

async function openFile(name: string, { truncate, separator }: PipeOutputOptions): Promise<PipeOutput> {
  const sink = await openSink(name, truncate);
  return outputOf(
    (values) => sink.write(joined(values, separator)),
    () => sink.close(),
  );
}
