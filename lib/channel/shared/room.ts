import type { Reservation } from './shared-channel.js';

/** Where a {@link Room} lies. */
export interface RoomOwner {
  /** Ends the claim of `room`: with a message, or with nothing. */
  finish(room: Room, commits: boolean): void;
}

/** A slot that was claimed, and the chunks beside it if the message is long, until it is sent or given up. */
export class Room implements Reservation {
  readonly bytes: Buffer;
  readonly position: number;
  /** The run of chunks; -1: the slot holds the message itself. */
  readonly run: number;
  #owner: RoomOwner | undefined;

  constructor(owner: RoomOwner, bytes: Buffer, position: number, run: number) {
    this.#owner = owner;
    this.bytes = bytes;
    this.position = position;
    this.run = run;
  }

  commit(): void {
    this.#finish(true);
  }

  abandon(): void {
    this.#finish(false);
  }

  [Symbol.dispose](): void {
    this.#finish(false);
  }

  #finish(commits: boolean): void {
    const owner = this.#owner;
    this.#owner = undefined;
    owner?.finish(this, commits);
  }
}
