/** Channels and select, as in Go. */
export { done, recv, type SendCase, send } from './case.js';
export type { Channel, ChannelOptions, Overflow, ReceiveChannel, SendChannel } from './channel.js';
export { ChannelClosedError } from './channel-error.js';
export { channel } from './local-channel.js';
export type { Empty, Received } from './received.js';
export {
  type CaseResult,
  type ClosedCase,
  type SelectCases,
  type SelectOptions,
  type SelectResult,
  select,
  type TrySelectOptions,
  trySelect,
} from './select.js';
export type { Receivable, Sendable } from './selectable.js';
