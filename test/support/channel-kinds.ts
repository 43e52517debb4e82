// Both kinds of channel behind one factory: what holds in one thread holds across threads too.
import { type Channel, type ChannelOptions, channel, sharedChannel } from 'sluice';

export type MakeChannel = <T>(capacity?: number, options?: ChannelOptions) => Channel<T>;

export const channelKinds: [string, MakeChannel][] = [
  ['channel', channel],
  ['sharedChannel', (capacity = 0, options = {}) => sharedChannel({ capacity, ...options })],
];
