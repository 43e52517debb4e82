/** Topics with partitions, and groups of consumers: entry `sluice/bus`. */
export { Bus, type BusOutputOptions, type BusStats, type Published } from './bus.js';
export { BusClosedError, TopicExistsError, TopicNotFoundError } from './bus-error.js';
export type {
  BusSubscription,
  PartitionLag,
  PartitionsHandler,
  SubscriptionStats,
} from './bus-subscription.js';
export type { BusDispatch, BusDispatchOptions, DispatchedRecord } from './dispatch.js';
export type { Position, TopicInfo, TopicRetention } from './engine.js';
export { openBus } from './open-bus.js';
export type {
  BusOptions,
  BusSubscribeOptions,
  PublishInput,
  PublishOptions,
  SubscribeFrom,
  TopicOptions,
} from './options.js';
export { type BusRecord, type NackOptions, RecordBatch } from './record.js';
