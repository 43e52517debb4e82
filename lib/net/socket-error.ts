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
    super(code, `${syscall} ${address}: ${explanation(code, syscall)}`, options);
    this.syscall = syscall;
    this.address = address;
  }
}
recogniseAcrossCopies(SocketError, 'SocketError');

function explanation(code: string, syscall: string): string {
  if (syscall === 'watch' && code === 'EPERM')
    return 'EPERM, it is always ready and cannot be watched (a regular file, a directory, /dev/null)';
  switch (code) {
    case 'EADDRINUSE':
      return 'EADDRINUSE, the address is in use (a unix socket file that a dead server left must be removed first)';
    case 'ENAMETOOLONG':
      return 'ENAMETOOLONG, the path of a unix socket has at most 107 bytes on Linux';
    default:
      return code;
  }
}

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

/** Something was written after `end()`. `code` is `ERR_WRITE_AFTER_END`. */
export class WriteAfterEndError extends SluiceError {
  constructor() {
    super('ERR_WRITE_AFTER_END', 'write after end');
  }
}
recogniseAcrossCopies(WriteAfterEndError, 'WriteAfterEndError');

/** A batch was used after its release. `code` is `ERR_BATCH_RELEASED`. */
export class BatchReleasedError extends SluiceError {
  constructor() {
    super(
      'ERR_BATCH_RELEASED',
      'the batch was released: copy what is needed for longer, or release it later',
    );
  }
}
recogniseAcrossCopies(BatchReleasedError, 'BatchReleasedError');
