import type { ByteRing } from '../../dist/memory/byte-ring.js';
import type { SharedRegion } from '../../dist/memory/memory.js';
import type { SlotQueue } from '../../dist/memory/slot-queue.js';
import type { WaitSet } from '../../dist/memory/wait-set.js';
import { WakeSource } from '../../dist/memory/waker.js';

export interface ChannelRegions {
  queue: SharedRegion;
  readers: SharedRegion;
  writers: SharedRegion;
}
export function createChannel(capacity: number, firstPosition?: number): ChannelRegions;
export class NumberChannel {
  constructor(handle: ChannelRegions);
  readonly queue: SlotQueue;
  readonly readers: WaitSet;
  readonly writers: WaitSet;
  readonly receiver: WakeSource & { cancel(): void };
  readonly sender: WakeSource & { cancel(): void };
  recv(): number | Promise<number>;
  send(value: number): true | Promise<true>;
}
export class RingEnd extends WakeSource {
  constructor(ring: ByteRing, mine: WaitSet, attempt: () => unknown);
  wait(): unknown;
  cancel(): void;
  poll(): boolean;
  park(): void;
  unpark(): void;
}
export function randomDelay(spin: number): Promise<void>;
