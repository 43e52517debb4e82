/** Why a connection ended, as `onDisconnect` tells it. */
import { getSystemErrorName } from 'node:util';

/** The numbers of native/core/net/close_reason.h. */
export const CloseReason = Object.freeze({
  peerEnded: 1,
  destroyed: 2,
  listenerClosed: 3,
  frameTooLarge: 4,
  frameMalformed: 5,
  frameTruncated: 6,
  outputLimit: 7,
  outputStalled: 8,
  bufferLimit: 9,
  drained: 10,
  drainTimeout: 11,
  system: 12,
  laneFull: 13,
  transport: 14,
  idleTimeout: 15,
  firstFrameTimeout: 16,
  frameTimeout: 17,
  tooSlow: 18,
  frameRate: 19,
  handshakeTimeout: 20,
  proxyHeader: 21,
  overflow: 22,
  connectionLimit: 23,
  addressLimit: 24,
  accessDenied: 25,
});

/**
 * The reason that a connection ended. `code` is stable: one that begins with `ERR_` is a fault that sluice found, an
 * errno name (`ECONNRESET`, `EPIPE`, `ETIMEDOUT`, …) one that the system reported, anything else an orderly end.
 */
export interface DisconnectReason {
  /** Stable identifier of the reason. */
  readonly code: string;
  /** The reason in words, for people; may change. */
  readonly message: string;
  /** What the program passed to `destroy(reason)`. */
  readonly cause?: unknown;
}

const reasons: ReadonlyMap<number, DisconnectReason> = new Map(
  (
    [
      [CloseReason.peerEnded, 'PEER_ENDED', 'the peer ended the connection'],
      [CloseReason.destroyed, 'DESTROYED', 'the program destroyed the connection'],
      // As if the program had done it at the moment that it chose: the cause tells them apart.
      [CloseReason.laneFull, 'DESTROYED', 'the program destroyed the connection'],
      [CloseReason.listenerClosed, 'CLOSED', 'the endpoint was closed'],
      [CloseReason.frameTooLarge, 'ERR_FRAME_TOO_LARGE', 'a frame is larger than limits.frameBytes'],
      [CloseReason.frameMalformed, 'ERR_FRAME_MALFORMED', 'the prefix of a frame is malformed'],
      [CloseReason.frameTruncated, 'ERR_FRAME_TRUNCATED', 'the peer ended in the middle of a frame'],
      [
        CloseReason.outputLimit,
        'ERR_OUTPUT_LIMIT',
        'the program wrote while more than limits.outputBytes was queued',
      ],
      [CloseReason.outputStalled, 'ERR_OUTPUT_STALLED', 'the peer read no output for limits.outputStallMs'],
      [
        CloseReason.bufferLimit,
        'ERR_BUFFER_LIMIT',
        'unfinished frames filled limits.bufferedBytes, and this connection held the most',
      ],
      [CloseReason.idleTimeout, 'ERR_IDLE_TIMEOUT', 'nothing passed for limits.idleMs'],
      [CloseReason.firstFrameTimeout, 'ERR_FIRST_FRAME_TIMEOUT', 'no whole frame within limits.firstFrameMs'],
      [CloseReason.frameTimeout, 'ERR_FRAME_TIMEOUT', 'a frame was not whole within limits.frameMs'],
      [CloseReason.tooSlow, 'ERR_TOO_SLOW', 'fewer than limits.bytesPerSecondMin in the middle of a frame'],
      [CloseReason.frameRate, 'ERR_FRAME_RATE', 'more frames than limits.framesPerSecond allows'],
      [CloseReason.handshakeTimeout, 'ERR_HANDSHAKE_TIMEOUT', 'no whole PROXY header or handshake in time'],
      [
        CloseReason.proxyHeader,
        'ERR_PROXY_HEADER',
        'a malformed PROXY header, or none where one is required',
      ],
      [CloseReason.overflow, 'ERR_OVERFLOW', 'the consumer is behind, and overflow is "disconnect"'],
      [CloseReason.connectionLimit, 'ERR_CONNECTION_LIMIT', 'limits.connections are open'],
      [CloseReason.addressLimit, 'ERR_ADDRESS_LIMIT', 'limits.connectionsPerAddress are open'],
      [CloseReason.accessDenied, 'ERR_ACCESS_DENIED', 'the address is not allowed to connect'],
      [CloseReason.transport, 'ERR_TRANSPORT', 'the transport failed'],
      [CloseReason.drained, 'DRAINED', 'the connection had finished when the endpoint was drained'],
      [CloseReason.drainTimeout, 'ERR_DRAIN_TIMEOUT', 'the drain timed out before the connection finished'],
    ] as const
  ).map(([number, code, message]) => [number, Object.freeze({ code, message })]),
);

/** The reason for the driver's numbers; `words` are the transport's own, when it has failed. */
export function disconnectReason(
  reason: number,
  errno: number,
  cause?: unknown,
  words?: string,
): DisconnectReason {
  const found = reasons.get(reason);
  const known = found === undefined || words === undefined ? found : { ...found, message: words };
  if (known === undefined) {
    const code = errnoName(errno);
    return { code, message: `the system reported ${code}` };
  }
  return cause === undefined ? known : { ...known, cause };
}

/** `EADDRINUSE` for 98 on Linux. */
export function errnoName(errno: number): string {
  return getSystemErrorName(-errno);
}
