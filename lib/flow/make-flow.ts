/** Making flows: which inlet serves which source. */
import { type Receivable, receiveSide } from '../channel/selectable.js';
import { InvalidArgTypeError } from '../errors.js';
import type { Listener, Peer } from '../net/index.js';
import { BufferedFlow } from './buffered-flow.js';
import type { Flow, FlowOptions, FlowSource, PushSource } from './flow.js';
import type { FlowCore } from './flow-core.js';
import type { Inlet } from './inlet.js';
import { FramesInlet, type ReceivedFrame } from './inlets/frames.js';
import { IterableInlet } from './inlets/iterable.js';
import { isNodeStream, NodeStreamInlet } from './inlets/node-stream.js';
import { asyncIterableInlet, webStreamInlet } from './inlets/promised.js';
import { pushInlet } from './inlets/push.js';
import { ReceivableInlet } from './inlets/receivable.js';
import { resolveFlowOptions } from './options.js';

/**
 * Puts a bound and a policy between a source and its consumer. A source that can be made to wait waits while `capacity` items (or `bytes`)
 * are held, down to the TCP windows of a listener's senders; for one that can't, `overflow` says what becomes of what does not fit,
 * and every value is counted.
 *
 * Of a listener or a peer the values are `{ connection, data }`, frame by frame, `data` being its own memory.
 *
 * With `block` a source is first asked when somebody wants a value, except for a function, which is called at once. With the other
 * policies a source is followed from the start.
 *
 * @param source A channel or another receivable, an async iterable, an iterable, a web or Node stream, a listener, or a function that
 * pushes into a {@link FlowSink}.
 * @throws InvalidArgTypeError, InvalidArgValueError, OutOfRangeError
 * @example
 * import { flow } from 'sluice/flow';
 *
 * const readings = flow<number>((sink) => {
 *   for (let i = 1; i <= 1000; i++) sink.next(i); // a device that can't wait
 *   sink.complete();
 * }, { capacity: 3, overflow: 'drop-oldest' });
 * for await (const reading of readings) console.log(reading);
 * console.log(readings.stats().dropped);
 * // prints: 998
 * // prints: 999
 * // prints: 1000
 * // prints: 997
 */
export function flow(source: Listener | Peer, options?: FlowOptions<ReceivedFrame>): Flow<ReceivedFrame>;
export function flow<T>(source: FlowSource<T>, options?: FlowOptions<T>): Flow<T>;
export function flow<T>(source: FlowSource<T>, options?: FlowOptions<T>): Flow<T> {
  const resolved = resolveFlowOptions(options);
  const made = new BufferedFlow<T>(resolved);
  const inlet = inletFor(made, source);
  // Only an iterable can't have anything to lose before it is asked.
  const isHot = typeof source === 'function' || (!made.blocks && !(inlet instanceof IterableInlet));
  return made.open(inlet, isHot);
}

function inletFor<T>(made: FlowCore<T>, source: FlowSource<T>): Inlet {
  if (typeof source === 'function') return pushInlet(made, source as PushSource<T>);
  if (typeof source === 'object' && source !== null) {
    const side = (source as Partial<Receivable<T>>)[receiveSide];
    if (side !== undefined)
      return isEndpoint(source)
        ? (new FramesInlet(made as never, side as never) as Inlet)
        : new ReceivableInlet(made, side);
    if (typeof (source as ReadableStream<T>).getReader === 'function')
      return webStreamInlet(made, source as ReadableStream<T>);
    if (isNodeStream(source)) return new NodeStreamInlet(made, source);
    if (typeof (source as AsyncIterable<T>)[Symbol.asyncIterator] === 'function')
      return asyncIterableInlet(made, source as AsyncIterable<T>);
    if (typeof (source as Iterable<T>)[Symbol.iterator] === 'function')
      return new IterableInlet(made, source as Iterable<T>);
  }
  throw new InvalidArgTypeError(
    'source',
    'a channel, an iterable, an async iterable, a stream, a listener, or a function that pushes',
    source,
  );
}

/** Told by what only endpoints have: importing their class would load all of sluice/net for programs that have no sockets. */
function isEndpoint(source: object): boolean {
  return typeof (source as { onBatch?: unknown }).onBatch === 'function';
}
