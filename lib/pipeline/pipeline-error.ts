/** What a pipeline ends or refuses calls with. */
import { describeValue, recogniseAcrossCopies, SluiceError } from '../errors.js';

/**
 * A pipeline was stopped by an error of its input, a stage, its output or its dead letter. `cause` is that error. `code` is
 * `ERR_PIPELINE_FAILED`.
 */
export class PipelineError extends SluiceError {
  /** The name of the stage that failed: `input`, a stage's name, `output` or `deadLetter`. */
  readonly stage: string;
  /** What the stage was given; a group's array where it was a group's. Undefined when the input failed. */
  readonly value: unknown;
  constructor(stage: string, cause: unknown, value: unknown) {
    const what = cause instanceof Error ? cause.message : describeValue(cause);
    super('ERR_PIPELINE_FAILED', `the stage '${stage}' failed: ${what}`, { cause });
    this.stage = stage;
    this.value = value;
  }
}
recogniseAcrossCopies(PipelineError, 'PipelineError');

/** The pipeline was closed before it had come to its end, or before the call. `code` is `ERR_PIPELINE_CLOSED`. */
export class PipelineClosedError extends SluiceError {
  constructor() {
    super('ERR_PIPELINE_CLOSED', 'the pipeline is closed');
  }
}
recogniseAcrossCopies(PipelineClosedError, 'PipelineClosedError');
