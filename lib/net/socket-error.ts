/** Errors of sockets, as a program meets them. */
import { recogniseAcrossCopies, SluiceError } from '../errors.js';
import type { DisconnectReason } from './disconnect-reason.js';

/** The system refused an operation. `code` is the errno name: `EADDRINUSE`, `ECONNREFUSED`, `ENOTFOUND`, … */
export class SocketError extends SluiceError {
  /** The call that failed: `listen`, `connect`, `getaddrinfo`, `watch`. */
  readonly syscall: string;
  /** The address as the program gave it, or which descriptor: `descriptor 7`. */
  readonly address: string;
  constructor(code: string, syscall: string, address: string, options?: ErrorOptions) {
    super(code, `${syscall} ${address}: ${explanation(code, syscall, address)}`, options);
    this.syscall = syscall;
    this.address = address;
  }
}
recogniseAcrossCopies(SocketError, 'SocketError');

/** A connection was not made within `timeoutMs`. `code` is `ERR_CONNECT_TIMEOUT`. */
export class ConnectTimeoutError extends SluiceError {
  /** The address as the program gave it. */
  readonly address: string;
  /** How long was waited, in ms. */
  readonly timeoutMs: number;
  constructor(address: string, timeoutMs: number) {
    super('ERR_CONNECT_TIMEOUT', `connect ${address}: no answer within ${timeoutMs} ms (timeoutMs)`);
    this.address = address;
    this.timeoutMs = timeoutMs;
  }
}
recogniseAcrossCopies(ConnectTimeoutError, 'ConnectTimeoutError');

function explanation(code: string, syscall: string, address: string): string {
  if (syscall === 'watch' && code === 'EPERM')
    return 'EPERM, it is always ready and cannot be watched (a regular file, a directory, /dev/null)';
  const advice = (/^unix:/i.test(address) ? ofUnix : /^fd:/i.test(address) ? ofDescriptors : ofTcp)[code];
  if (code === 'EINVAL' && /^tcp:\/\/\[fe[89ab]/i.test(address))
    return 'EINVAL, a link-local address needs its interface: [fe80::1%eth0]';
  return advice === undefined ? code : `${code}, ${advice}`;
}

const ofUnix: Readonly<Record<string, string>> = {
  EADDRINUSE:
    'the address is in use (if a dead server left the socket file, remove it or set replaceStale: true)',
  ENAMETOOLONG: 'the path of a unix socket has at most 107 bytes on Linux',
  ECONNREFUSED: 'no process listens there any more',
};

const ofTcp: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another socket listens on that port (ss -ltnp shows whose)',
  EADDRNOTAVAIL: 'this machine has no such address',
  EACCES: 'ports below 1024 need a privilege (CAP_NET_BIND_SERVICE)',
  ENODEV: 'no network interface has the name behind the percent sign',
};

const ofDescriptors: Readonly<Record<string, string>> = {
  EBADF: 'the process was not given that descriptor',
  ENOTSOCK: 'it is not a socket',
  EINVAL: 'the socket is connected, so it cannot listen',
  EEXIST: 'an endpoint of this process already uses it',
};

/** The endpoint was closed before the call. `code` is `ERR_ENDPOINT_CLOSED`. */
export class EndpointClosedError extends SluiceError {
  constructor() {
    super('ERR_ENDPOINT_CLOSED', 'the endpoint is closed');
  }
}
recogniseAcrossCopies(EndpointClosedError, 'EndpointClosedError');

/** The endpoint, or the flow, has a consumer already. `code` is `ERR_CONSUMER_ACTIVE`. */
export class ConsumerActiveError extends SluiceError {
  constructor(message = 'the endpoint has a consumer already: one for await, onBatch or recv at a time') {
    super('ERR_CONSUMER_ACTIVE', message);
  }
}
recogniseAcrossCopies(ConsumerActiveError, 'ConsumerActiveError');

/** The connection ended. `code` is `ERR_CONNECTION_CLOSED`; `reason` says why, when it is known. */
export class ConnectionClosedError extends SluiceError {
  /** Why it ended; undefined when that is not known. */
  readonly reason: DisconnectReason | undefined;
  constructor(reason?: DisconnectReason) {
    super(
      'ERR_CONNECTION_CLOSED',
      `the connection is closed${reason === undefined ? '' : `: ${reason.message}`}`,
    );
    this.reason = reason;
  }
}
recogniseAcrossCopies(ConnectionClosedError, 'ConnectionClosedError');

/** More would wait than a redialled connection may keep. `code` is `ERR_OUTPUT_LIMIT`. */
export class OutputLimitError extends SluiceError {
  /** Bytes that were to be written. */
  readonly size: number;
  /** Bytes that wait already. */
  readonly queuedBytes: number;
  /** Bytes that may wait: `queueBytes`. */
  readonly limit: number;
  constructor(size: number, queuedBytes: number, limit: number) {
    super(
      'ERR_OUTPUT_LIMIT',
      `cannot queue ${size} bytes while not connected: ${queuedBytes} of at most ${limit} bytes are queued already (queueBytes)`,
    );
    this.size = size;
    this.queuedBytes = queuedBytes;
    this.limit = limit;
  }
}
recogniseAcrossCopies(OutputLimitError, 'OutputLimitError');

/** Something was written after `end()`. `code` is `ERR_WRITE_AFTER_END`. */
export class WriteAfterEndError extends SluiceError {
  constructor() {
    super(
      'ERR_WRITE_AFTER_END',
      'cannot write after end() or destroySoon(): check connection.writable first',
    );
  }
}
recogniseAcrossCopies(WriteAfterEndError, 'WriteAfterEndError');

/** A batch was used after its release. `code` is `ERR_BATCH_RELEASED`. */
export class BatchReleasedError extends SluiceError {
  constructor() {
    super('ERR_BATCH_RELEASED', 'the batch was released: copy what you need to keep, or release it later');
  }
}
recogniseAcrossCopies(BatchReleasedError, 'BatchReleasedError');
