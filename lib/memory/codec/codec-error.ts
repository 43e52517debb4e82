import { recogniseAcrossCopies, SluiceError } from '../../errors.js';

/**
 * A value could not be encoded, and nothing was sent; or it could, and not be decoded where it arrived, and is lost. `code` is `ERR_CODEC`,
 * `cause` what the codec threw (for `structured`, V8's error with the name of what can't be cloned).
 */
export class CodecError extends SluiceError {
  /** The codec's name. */
  readonly codec: string;
  constructor(codec: string, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super('ERR_CODEC', `codec ${codec}: ${why}`, { cause });
    this.codec = codec;
  }
}
recogniseAcrossCopies(CodecError, 'CodecError');
