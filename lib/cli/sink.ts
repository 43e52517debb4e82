/**
 * Where bytes go: a descriptor, written to without losing any and without holding up the event loop.
 *
 * Files, terminals and other devices are written by libuv's threads. A pipe is not: while its reader sleeps, the thread
 * that writes would sleep too, and a process cannot end before its threads do. Pipes and sockets go through the event loop.
 */
import { constants, fstatSync, openSync, write } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { SluiceError } from '../errors.js';
import { OutputError } from './output-error.js';

export interface Sink {
  /** Resolves when the system has taken all bytes, which must stay as they are until then. Rejects OutputError. */
  write(bytes: Uint8Array): Promise<void>;
  /** Rejects the write that is under way, and waits for it no longer. True if a thread may still sleep in it. */
  abandon(): boolean;
  close(): Promise<void>;
}

const STDOUT = 1;

/** Opens `stdout`, or the file of that name to append to; `truncate` empties it first. Rejects SluiceError. */
export async function openSink(to: string, truncate: boolean): Promise<Sink> {
  if (to === 'stdout') return sinkOf(STDOUT, async () => {});
  const file = await openFile(to, truncate);
  return sinkOf(file.fd, () => file.close());
}

async function openFile(path: string, truncate: boolean): Promise<FileHandle> {
  try {
    const file = await open(path, 'a');
    if (truncate && (await file.stat()).isFile()) await file.truncate();
    return file;
  } catch (error) {
    throw new SluiceError((error as NodeJS.ErrnoException).code ?? 'EIO', (error as Error).message, {
      cause: error,
    });
  }
}

function sinkOf(fd: number, close: () => Promise<void>): Sink {
  const kind = fstatSync(fd);
  return kind.isFIFO() || kind.isSocket() ? new StreamSink(fd, close) : new FileSink(fd, close);
}

const writeTo = promisify(write);
const SHORTEST_WAIT_MS = 1;
const LONGEST_WAIT_MS = 50;

class FileSink implements Sink {
  readonly #fd: number;
  readonly #close: () => Promise<void>;
  readonly #abandoned = new AbortController();

  constructor(fd: number, close: () => Promise<void>) {
    this.#fd = fd;
    this.#close = close;
  }

  async write(bytes: Uint8Array): Promise<void> {
    const { signal } = this.#abandoned;
    const abandoned = new Promise<never>((_, reject) => {
      signal.onabort = () => reject(new OutputError('ERR_OUTPUT_STALLED', 0));
    });
    await Promise.race([this.#writeAll(bytes, signal), abandoned]);
  }

  async #writeAll(bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    let written = 0;
    let wait = SHORTEST_WAIT_MS;
    while (written < bytes.length && !signal.aborted) {
      try {
        const { bytesWritten } = await writeTo(this.#fd, bytes, written, bytes.length - written, null);
        written += bytesWritten;
        wait = SHORTEST_WAIT_MS;
      } catch (error) {
        // A terminal that another process made non-blocking; there is no event to wait for.
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw OutputError.from(error, written);
        await delay(wait);
        wait = Math.min(wait * 2, LONGEST_WAIT_MS);
      }
    }
  }

  abandon(): boolean {
    this.#abandoned.abort();
    return true;
  }

  async close(): Promise<void> {
    try {
      await this.#close();
    } catch (error) {
      throw OutputError.from(error, 0); // a network file system may report a full disk only now, close(2)
    }
  }
}

class StreamSink implements Sink {
  readonly #socket: Socket;
  readonly #close: () => Promise<void>;
  #failure: OutputError | undefined;

  constructor(fd: number, close: () => Promise<void>) {
    this.#close = close;
    this.#socket = new Socket({ fd: ownDescription(fd), readable: false, writable: true });
    // A write that fails reports to its callback as well; this only remembers the first cause.
    this.#socket.on('error', (error) => {
      this.#failure ??= OutputError.from(error, 0);
    });
  }

  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (error) => {
        // A write that destroy() cut short is called back without an error.
        if (this.#failure !== undefined) reject(this.#failure);
        else if (error === null || error === undefined) resolve();
        else reject(OutputError.from(error, 0));
      });
    });
  }

  abandon(): boolean {
    this.#failure ??= new OutputError('ERR_OUTPUT_STALLED', 0);
    this.#socket.destroy();
    return false;
  }

  async close(): Promise<void> {
    this.#socket.destroy();
    await this.#close();
  }
}

/**
 * The same pipe, opened anew: the event loop needs it non-blocking, and O_NONBLOCK belongs to the open file description,
 * which other processes (a shell, whoever else writes into the pipe) share with us.
 */
function ownDescription(fd: number): number {
  try {
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return fd; // a socket, which cannot be opened; or a pipe without a reader, which the first write will tell
  }
}
