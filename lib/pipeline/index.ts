/** Pipelines: input → parse → filter → transform → output, with one bound on what is under way and acknowledgements that go back. */
export { type Acknowledged, type AcknowledgedInput, acknowledgedValues } from './acknowledged.js';
export type { GroupOptions } from './batch-options.js';
export type { DeadLetter } from './dead-letter.js';
export { pipeline } from './make-pipeline.js';
export {
  type Output,
  type OutputCall,
  type OutputFunction,
  type OutputPlace,
  type OutputSink,
  type OutputTarget,
  outputSink,
} from './output.js';
export type {
  ErrorDecision,
  ErrorHandler,
  OutputValue,
  Pipeline,
  PipelineBuilder,
  PipelineInput,
  PipelineOptions,
  PipelineStats,
  PipelineTotals,
  PoolStage,
  StageOptions,
  StageResult,
  StageStats,
} from './pipeline.js';
export { PipelineClosedError, PipelineError } from './pipeline-error.js';
export { renderPipeline } from './render.js';
