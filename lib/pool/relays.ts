/** Tasks that handlers submit and that only the pool's maker can place: they go to it by message port, and their ends come back. */
import { CodecError } from '../memory/codec/codec-error.js';
import type { Holders } from './held-keys.js';
import type { RelayedTask } from './messages.js';
import { RemoteStream } from './stream.js';
import { describeThrown } from './thrown.js';
import { type Delivery, valuePayload } from './value-port.js';
import type { WorkerHandle } from './worker-handle.js';

type Submit = (handler: string, args: unknown[], options: object, holders: Holders) => Promise<unknown>;

/** @internal */
export class Relays {
  readonly #submit: Submit;
  /** By thread and call. */
  readonly #running = new Map<string, AbortController>();

  /** `submit` places a task; it may throw. */
  constructor(submit: Submit) {
    this.#submit = submit;
  }

  run(worker: WorkerHandle, { call, handler, holders = [], options }: RelayedTask, delivery: Delivery): void {
    const name = `${worker.threadId}/${call}`;
    const controller = new AbortController();
    this.#running.set(name, controller);
    const over = (): void => void this.#running.delete(name);
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
    const failed = (error: unknown): void =>
      worker.post({ type: 'relay-failed', call }, valuePayload(describeThrown(error)));
    const submit = async (): Promise<unknown> =>
      this.#submit(handler, delivery.value() as unknown[], { ...given, signal: controller.signal }, holders);
    submit()
      .then((value) => {
        if (value instanceof RemoteStream) {
          void value.return();
          throw new CodecError('structured', new TypeError('a stream cannot be passed on to a worker'));
        }
        worker.post({ type: 'relayed', call }, valuePayload(value));
      })
      .catch(failed)
      .finally(over);
  }

  abort(worker: WorkerHandle, call: number): void {
    this.#running.get(`${worker.threadId}/${call}`)?.abort();
  }

  /** Nobody awaits them any more. */
  abortAll(worker: WorkerHandle): void {
    for (const [name, controller] of this.#running)
      if (name.startsWith(`${worker.threadId}/`)) controller.abort();
  }
}
