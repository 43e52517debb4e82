/**
 * A message port between a pool and one of its workers, on which a value that can't be read harms nobody but its own call.
 *
 * A port that can't read a message says so, and not which message it was. So whatever a program gave travels apart, as a *payload*, and
 * right behind it the message that it belongs to, which is always readable: the two come in that order, and what could not be read belongs
 * to the message that comes next.
 *
 * A payload is the value itself, with what moves along; or, when the codec could write it and it was only too long for shared memory, its
 * bytes: so its size does not change what arrives.
 */
import { type MessagePort, receiveMessageOnPort, type TransferListItem } from 'node:worker_threads';
import { CodecError } from '../memory/codec/codec-error.js';
import { Encoded } from '../memory/codec/encoded.js';
import { readArguments, readValue, writeArguments, writeValue } from './arguments.js';

/** Instead of a count of arguments: one value. */
const ONE_VALUE = -1;

/** What the program gave, on its way. */
export type Payload =
  | { readonly type: 'payload'; readonly value: unknown; readonly list: readonly TransferListItem[] }
  | { readonly type: 'payload'; readonly encoded: Uint8Array; readonly counted: number };

/** A value for a port alone; what is in `list` moves. */
export function portPayload(value: unknown, list: readonly TransferListItem[] = []): Payload {
  return { type: 'payload', value, list };
}

/** A value that the codec has written: a copy of its bytes. `counted`: they are the arguments of a call, as `writeArguments` counts. */
export function encodedPayload({ bytes, start, end }: Encoded, counted = ONE_VALUE): Payload {
  return { type: 'payload', encoded: new Uint8Array(bytes.subarray(start, end)), counted };
}

/** A value by codec if that carries it, and else as the port does. */
export function valuePayload(value: unknown): Payload {
  const out = new Encoded();
  try {
    writeValue(out, value);
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    return portPayload(value);
  }
  return encodedPayload(out);
}

/** The arguments of a call, in the same way. */
export function argumentsPayload(args: readonly unknown[]): Payload {
  const out = new Encoded();
  try {
    return encodedPayload(out, writeArguments(out, args));
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    return portPayload([...args]);
  }
}

/** A payload that has come. */
export class Delivery {
  readonly #payload: Payload | undefined;
  readonly #error: unknown;

  constructor(payload: Payload | undefined, error?: unknown) {
    this.#payload = payload;
    this.#error = error;
  }

  /**
   * The value, or the arguments of a call as an array. Ask once.
   *
   * @throws CodecError when it can't be read
   */
  value(): unknown {
    const payload = this.#payload;
    if (payload === undefined) throw new CodecError('structured', this.#error);
    if ('value' in payload) return payload.value;
    const { buffer, byteOffset, length } = payload.encoded;
    const bytes = Buffer.from(buffer, byteOffset, length);
    return payload.counted === ONE_VALUE
      ? readValue(bytes, 0, length)
      : readArguments(bytes, 0, payload.counted);
  }

  /**
   * The same payload, for another port.
   *
   * @throws CodecError when it can't be read
   */
  payload(): Payload {
    if (this.#payload === undefined) throw new CodecError('structured', this.#error);
    return this.#payload;
  }
}

/** @internal */
export class ValuePort<In extends { type: string }, Out extends { type: string }> {
  readonly #port: MessagePort;
  readonly #take: (message: In, delivery: Delivery | undefined) => void;
  /** Belongs to the message that comes next. */
  #next: Delivery | undefined;

  /** `take` is given each message, and its payload if one came with it. */
  constructor(port: MessagePort, take: (message: In, delivery: Delivery | undefined) => void) {
    this.#port = port;
    this.#take = take;
  }

  /** Takes messages as events from now on. */
  listen(): void {
    this.#port.on('message', (message: In | Payload) => this.#came(message));
    this.#port.on('messageerror', (error) => this.#failed(error));
  }

  /**
   * Says `message`, which is plain data, with a value of the program's.
   *
   * @throws CodecError when no port carries the value; then nothing was sent
   */
  send(message: Out, payload?: Payload): void {
    if (payload !== undefined) {
      try {
        this.#port.postMessage(
          payload,
          'value' in payload ? payload.list : [payload.encoded.buffer as ArrayBuffer],
        );
      } catch (error) {
        throw new CodecError('structured', error);
      }
    }
    this.#port.postMessage(message);
  }

  /** Takes all that has come, without waiting for the event. */
  takeAll(): void {
    for (;;) {
      let got: { message: In | Payload } | undefined;
      try {
        got = receiveMessageOnPort(this.#port) as typeof got;
      } catch (error) {
        this.#failed(error);
        continue;
      }
      if (got === undefined) return;
      this.#came(got.message);
    }
  }

  #came(message: In | Payload): void {
    if (message.type === 'payload') {
      this.#next = new Delivery(message as Payload);
      return;
    }
    const delivery = this.#next;
    this.#next = undefined;
    this.#take(message as In, delivery);
  }

  #failed(error: unknown): void {
    this.#next = new Delivery(undefined, error);
  }
}
