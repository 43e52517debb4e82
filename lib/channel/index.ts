/** Channels and select, as in Go. */
export { after } from './after.js';
export { type Broadcast, broadcast, type Subscription } from './broadcast.js';
export { done, recv, type SendCase, send } from './case.js';
export type { Channel, ChannelOptions, Overflow, ReceiveChannel, SendChannel } from './channel.js';
export {
  ChannelClosedError,
  CodecMismatchError,
  MessageTooLargeError,
  OneshotUsedError,
} from './channel-error.js';
export { channel } from './local-channel.js';
export { type Oneshot, oneshot } from './oneshot.js';
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
export { openChannel, sharedChannel } from './shared/open-channel.js';
export type {
  ChannelHandle,
  MessageReader,
  OpenChannelOptions,
  Reservation,
  SharedChannel,
  SharedChannelOptions,
} from './shared/shared-channel.js';
export { type Ticker, tick } from './tick.js';
export type { Watch } from './watch.js';
