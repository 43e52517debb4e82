/** One word for two things that change and can be waited for: a value of the program's own, and the readiness of a descriptor. */
import { type Watch, watchValue } from '../channel/watch.js';
import { type DescriptorWatch, type WatchDescriptorOptions, watchDescriptor } from './descriptor-watch.js';

/**
 * Makes a value that can be watched: a configuration, a state, a leader's name. `set` never waits, however slow the readers are.
 *
 * @example
 * import { watch } from 'sluice';
 *
 * const level = watch('info');
 * setTimeout(() => level.set('debug'), 5);
 * for await (const name of level) {
 *   console.log(name);
 *   if (name === 'debug') break;
 * }
 */
export function watch<T>(initial: T): Watch<T>;
/**
 * Watches a descriptor of the program: a pipe, a FIFO, a terminal, a socket, a timerfd, whatever poll(2) waits for. Gives its
 * {@link Readiness} when it is ready for what was asked, each time that somebody asks: in a loop, with `recv`, in a select. It reads and
 * writes nothing and changes no flag, so what lies unread is there at the next question too, and a loop that does not take
 * it goes round at once. Set O_NONBLOCK where two may read from one descriptor.
 *
 * The system is asked to report only while somebody waits: leaving the loop unwatches, and a watch needs no closing.
 * While somebody waits it keeps the process alive. Several watches of one descriptor hear of it each.
 *
 * Close the watch before the descriptor. One that is closed while it is waited for ends the wait within a second, with
 * EBADF. Then, and when `options.signal` fires, the watch is over: a loop throws the reason, `recv` and `select` give it as
 * `{ ok: false, reason: 'closed', cause }`, `recvMany` gives an empty array.
 *
 * @param fd A descriptor, not negative. It stays the program's.
 * @throws SocketError with an errno name as its code: EPERM for what is always ready and can't be polled, such as a regular
 * file; EBADF when it is not open. InvalidArgTypeError, InvalidArgValueError, OutOfRangeError; the signal's reason when it has fired.
 *
 * @example
 * import { execFileSync } from 'node:child_process';
 * import { closeSync, constants, mkdtempSync, openSync, readSync, writeSync } from 'node:fs';
 * import { watch } from 'sluice';
 *
 * const path = `${mkdtempSync('/tmp/watch-')}/commands`;
 * execFileSync('mkfifo', [path]);
 * const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
 * setTimeout(() => writeSync(fd, 'quit'), 5); // as another process would
 *
 * const bytes = Buffer.alloc(4096);
 * for await (const { readable } of watch(fd, { readable: true })) {
 *   const command = bytes.toString('utf8', 0, readSync(fd, bytes));
 *   console.log(readable, command); // prints: true quit
 *   if (command === 'quit') break;
 * }
 * closeSync(fd);
 */
export function watch(fd: number, options: WatchDescriptorOptions): DescriptorWatch;
export function watch(...given: [unknown] | [unknown, unknown]): unknown {
  // By their number: options that are undefined by mistake must not make a value of a descriptor.
  return given.length > 1 ? watchDescriptor(given[0], given[1]) : watchValue(given[0]);
}
