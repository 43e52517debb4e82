/** The chunks of a Node stream, as they are: its async iterator would be destroyed only behind a read that still waits. */
import { finished, type Readable } from 'node:stream';
import type { FlowCore } from '../flow-core.js';
import type { Inlet } from '../inlet.js';

/** @internal What looks like a readable stream of Node's. */
export function isNodeStream(source: object): source is Readable {
  const { read, on, destroy } = source as Partial<Readable>;
  return typeof read === 'function' && typeof on === 'function' && typeof destroy === 'function';
}

/** @internal */
export class NodeStreamInlet<T> implements Inlet {
  #flow: FlowCore<T> | undefined;
  readonly #stream: Readable;
  #isListening = false;
  #isReading = false;

  constructor(flow: FlowCore<T>, stream: Readable) {
    this.#flow = flow;
    this.#stream = stream;
  }

  fill(): void {
    if (!this.#isListening) {
      this.#isListening = true;
      this.#stream.on('readable', this.#read);
      // Its listeners stay: an error after the end must not end the process.
      finished(this.#stream, { writable: false }, (error) => this.#end(error ?? undefined));
    }
    this.#read();
  }

  cancel(): void {
    this.#leave();
    if (!this.#isListening) this.#stream.on('error', () => {});
    this.#stream.destroy();
  }

  readonly #read = (): void => {
    if (this.#isReading) return;
    this.#isReading = true;
    for (let flow = this.#flow; flow !== undefined; flow = this.#flow) {
      if (!flow.takes) {
        flow.stop();
        break;
      }
      const chunk = this.#stream.read() as T | null;
      if (chunk === null) break;
      flow.push(chunk);
    }
    this.#isReading = false;
  };

  #end(error: unknown): void {
    const flow = this.#flow;
    this.#leave();
    flow?.finish(error === undefined ? undefined : { error });
  }

  #leave(): void {
    this.#flow = undefined;
    this.#stream.off('readable', this.#read);
  }
}
