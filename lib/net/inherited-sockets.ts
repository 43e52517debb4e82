/**
 * Socket activation: systemd (or another that speaks its protocol, sd_listen_fds(3)) opens sockets, starts the program when
 * somebody connects, and hands them over as descriptors from 3 on.
 */
import { reactors } from '../platform/driver.js';

/** A socket that the process was started with. */
export interface ActivatedSocket {
  /** Its descriptor, for `listen({ fd })`. */
  fd: number;
  /** `FileDescriptorName=` of the socket unit; the unit's name where it has none. */
  name: string;
  /** What it is. */
  type: 'stream' | 'datagram' | 'other';
  /** Which kind of address it has. */
  family: 'IPv4' | 'IPv6' | 'unix' | 'other';
}

const FIRST = 3;

/**
 * The sockets that systemd handed to this process, in the order of the unit's lines; none when it was started in another way. What
 * the environment says (LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES) counts only when it is meant for this process: not for one
 * that a shell or npm in between has started.
 *
 * @example
 * const [activated] = inheritedSockets();
 * const server = await listen(activated ?? 'tcp://127.0.0.1:7000', { framing: lines() });
 */
export function inheritedSockets(): ActivatedSocket[] {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES = '' } = process.env;
  if (Number(LISTEN_PID) !== process.pid) return [];
  const names = LISTEN_FDNAMES.split(':');
  const found: ActivatedSocket[] = [];
  const count = Math.min(Number.parseInt(LISTEN_FDS ?? '', 10) || 0, 4096);
  for (let i = 0; i < count; i++) {
    const socket = reactors().describeSocket(FIRST + i);
    if (typeof socket === 'number') continue; // a FIFO, or closed since
    found.push({ fd: FIRST + i, name: names[i] || 'unknown', type: socket.type, family: socket.family });
  }
  return found;
}
