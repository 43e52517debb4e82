/** What sending into the wrong channel ends with. */
import { recogniseAcrossCopies, SluiceError } from '../errors.js';

/**
 * A value was sent into a closed channel, or the channel was closed while the send waited. `code` is `ERR_CHANNEL_CLOSED`;
 * `cause` is what was given to `close`, if anything was.
 */
export class ChannelClosedError extends SluiceError {
  constructor(cause?: unknown) {
    super('ERR_CHANNEL_CLOSED', 'the channel is closed', cause === undefined ? undefined : { cause });
  }
}
recogniseAcrossCopies(ChannelClosedError, 'ChannelClosedError');

/** A oneshot was used a second time. `code` is `ERR_ONESHOT_USED`; `value` is what was to be sent, if it was a send. */
export class OneshotUsedError extends SluiceError {
  /** What was to be sent; undefined for a receive. */
  readonly value: unknown;
  constructor(message: string, value?: unknown) {
    super('ERR_ONESHOT_USED', message);
    this.value = value;
  }
}
recogniseAcrossCopies(OneshotUsedError, 'OneshotUsedError');

/** A value is longer, encoded, than the channel's `maxBytes`. `code` is `ERR_MESSAGE_TOO_LARGE`; nothing was sent. */
export class MessageTooLargeError extends SluiceError {
  /** Bytes of the value. */
  readonly size: number;
  /** The channel's `maxBytes`. */
  readonly limit: number;
  constructor(size: number, limit: number) {
    super('ERR_MESSAGE_TOO_LARGE', `a message of ${size} bytes exceeds the limit of ${limit}`);
    this.size = size;
    this.limit = limit;
  }
}
recogniseAcrossCopies(MessageTooLargeError, 'MessageTooLargeError');

/** A channel was opened with another codec than it was made with. `code` is `ERR_CODEC_MISMATCH`. */
export class CodecMismatchError extends SluiceError {
  constructor(expected: string, given: string) {
    super('ERR_CODEC_MISMATCH', `the channel was made with codec ${expected} and opened with ${given}`);
  }
}
recogniseAcrossCopies(CodecMismatchError, 'CodecMismatchError');
