/** Pipelines: input → parse → filter → transform → output, with one bound on what is under way and acknowledgements that go back. */
export { type Acknowledged, type AcknowledgedInput, acknowledgedValues } from './acknowledged.js';
export {
  type Output,
  type OutputCall,
  type OutputFunction,
  type OutputSink,
  type OutputTarget,
  outputSink,
} from './output.js';
