/** What goes wrong while frames are written on. */
import { recogniseAcrossCopies, SluiceError } from '../errors.js';

/** The output takes nothing any more. `code` is the errno name, or `ERR_OUTPUT_STALLED`. */
export class OutputError extends SluiceError {
  /** Bytes of the failed write that the system had taken before. */
  readonly accepted: number;
  constructor(code: string, accepted: number, options?: ErrorOptions) {
    super(code, explanations[code] ?? code, options);
    this.accepted = accepted;
  }

  static from(error: unknown, accepted: number): OutputError {
    return new OutputError((error as NodeJS.ErrnoException).code ?? 'EIO', accepted, { cause: error });
  }
}
recogniseAcrossCopies(OutputError, 'OutputError');

const explanations: Readonly<Record<string, string>> = Object.freeze({
  ENOSPC: 'no space is left on the device',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file has reached the largest size allowed',
  EPIPE: 'the reader of the output has closed it',
  ECONNRESET: 'the reader of the output has closed it',
  ERR_OUTPUT_STALLED: 'the output accepted nothing before the time to drain ran out',
});
