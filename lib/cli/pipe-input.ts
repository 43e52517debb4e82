/** Where `sluice pipe` takes values from. Whatever it is, its values are bytes: a frame, or the value of a record. */
import type { Buffer } from 'node:buffer';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InvalidArgValueError } from '../errors.js';
import { openLog } from '../log/index.js';
import { type Framing, type Listener, listen } from '../net/index.js';
import { type PipelineBuilder, type PipelineOptions, pipeline } from '../pipeline/index.js';

/** Options of a line that do not depend on its values. */
export type LineOptions = Omit<PipelineOptions<unknown>, 'key' | 'sizeOf'>;

/** What is read, and how it ends. */
export interface PipeInput {
  /** For whoever watches. */
  readonly name: string;
  start(options: LineOptions): PipelineBuilder<Buffer>;
  /** Takes nothing new in, and gives what it has; the pipeline then comes to its end. */
  stop(timeoutMs: number): Promise<void>;
  close(): Promise<void>;
}

export interface PipeInputOptions {
  framing: Framing;
  /** Bytes that may be read from sockets and not taken yet. */
  maxBuffered: number;
}

/** One line an input: how its name begins, how that reads in the help, and what opens it. */
export const PIPE_INPUTS: readonly {
  readonly prefix: string;
  readonly usage: string;
  readonly help: string;
  open(name: string, options: PipeInputOptions): Promise<PipeInput>;
}[] = [
  { prefix: '-', usage: '-', help: 'standard input, cut into frames', open: openStdin },
  {
    prefix: 'tcp:',
    usage: 'tcp://HOST:PORT',
    help: 'what connections to this address send',
    open: openSockets,
  },
  { prefix: 'unix:', usage: 'unix:///PATH', help: 'the same on a unix socket', open: openSockets },
  { prefix: 'fd:', usage: 'fd://3', help: 'the same on a socket that was handed over', open: openSockets },
  { prefix: 'log:', usage: 'log:DIR', help: 'the records of a log, up to its end', open: openRecords },
];

/** @throws InvalidArgValueError */
export function openPipeInput(name: string, options: PipeInputOptions): Promise<PipeInput> {
  const kind = PIPE_INPUTS.find(({ prefix }) => (prefix === '-' ? name === '-' : name.startsWith(prefix)));
  if (kind === undefined)
    throw new InvalidArgValueError(
      'SOURCE',
      `must be one of ${PIPE_INPUTS.map(({ usage }) => usage).join(', ')}`,
      name,
    );
  return kind.open(name, options);
}

function framesOf(server: Listener, options: LineOptions): PipelineBuilder<Buffer> {
  return pipeline(server, options).transform(({ data }) => data, { name: 'frame' });
}

async function openSockets(name: string, { framing, maxBuffered }: PipeInputOptions): Promise<PipeInput> {
  const server = await listen(name, { framing, limits: { bufferedBytes: maxBuffered } });
  return {
    name: `listening on ${server.url}`,
    start: (options) => framesOf(server, options),
    stop: async (timeout) => void (await server.drain({ timeout })),
    close: () => server.close(),
  };
}

/** Standard input goes through a socket of this process's own, so that it is cut into frames as everything else is. */
async function openStdin(_name: string, { framing, maxBuffered }: PipeInputOptions): Promise<PipeInput> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-pipe-'));
  const path = join(folder, 'stdin.sock');
  const server = await listen(`unix://${path}`, { framing, limits: { bufferedBytes: maxBuffered } });
  const socket = connect(path);
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  rmSync(folder, { recursive: true, force: true }); // nobody else can connect from now on
  socket.on('error', () => {}); // the listener sees the end
  server.onDisconnect(() => void server.drain({ timeout: 0 }).catch(() => {}));
  process.stdin.pipe(socket);
  return {
    name: 'reading standard input',
    start: (options) => framesOf(server, options),
    async stop() {
      process.stdin.unpipe(socket);
      process.stdin.destroy();
      socket.end();
    },
    close: () => server.close(),
  };
}

async function openRecords(name: string): Promise<PipeInput> {
  const directory = name.slice('log:'.length);
  if (directory === '') throw new InvalidArgValueError('SOURCE', 'must name a directory: log:DIR', name);
  const log = await openLog(directory);
  const reader = log.read();
  return {
    name: `reading the log in ${directory}`,
    start: (options) => pipeline(reader, options).transform(({ value }) => value, { name: 'record' }),
    stop: async () => void (await reader.close()),
    close: () => log.close(),
  };
}
