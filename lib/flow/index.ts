/** Flows: what becomes of values whose source is faster than their consumer. */
export type {
  BatchOptions,
  Flow,
  FlowOptions,
  FlowOverflow,
  FlowSink,
  FlowSource,
  FlowStats,
  FlowSubscriber,
  FlowSubscription,
  OverflowReason,
  PushSource,
  RateOptions,
  SubscribeOptions,
} from './flow.js';
export { FlowClosedError, FlowOverflowError } from './flow-error.js';
export type { ReceivedFrame } from './inlets/frames.js';
export { flow } from './make-flow.js';
