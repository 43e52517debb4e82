/**
 * What a handler threw, on its way to the caller: any value arrives; an error keeps its name, message, properties, cause and
 * stack, and its class where the caller's thread knows one of that name.
 *
 * Not structured clone: that drops the name of a class of one's own, the properties, and the errors of an AggregateError. Each property
 * is encoded apart, so that one that can't be carried, or not be read, costs that property and not the error.
 */
import { types } from 'node:util';
import { describeValue } from '../errors.js';
import { CodecError } from '../memory/codec/codec-error.js';
import { Encoded } from '../memory/codec/encoded.js';
import { readValue, writeValue } from './arguments.js';

/** Any value, as something that can always be read. */
type Carried =
  /** Encoded; `text` stands for it where it can't be read. */
  | { bytes: Uint8Array; text: string }
  /** What only a message port carries. */
  | { value: unknown }
  /** What nothing carries, described. */
  | { text: string };

/** A thrown value as plain data. */
export type Thrown =
  | { kind: 'value'; value: Carried }
  /** An error further up, by its place: what causes itself, or is named twice. */
  | { kind: 'same'; index: number }
  | {
      kind: 'error';
      name: string;
      message: string;
      stack: string;
      /** The names of its classes, its own first. */
      classes: string[];
      /** Global symbols that mark it, as `instanceof` of this package's errors looks for them. */
      brands: string[];
      properties: [string, Carried][];
      cause?: Thrown;
      errors?: Thrown[];
    };

const MAX_DEPTH = 8;
const BRAND_PREFIX = 'sluice.';

/** Whether `value` is an error, of whichever realm. */
function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value) || value instanceof DOMException;
}

const scratch = new Encoded();

/** `byPort`: what only a message port carries may be left as it is. */
function carry(value: unknown, byPort: boolean): Carried {
  if (typeof value === 'function' || typeof value === 'symbol') return { text: describeValue(value) };
  if (typeof value !== 'object' || value === null) return { value };
  try {
    writeValue(scratch, value);
    return {
      bytes: new Uint8Array(scratch.bytes.subarray(scratch.start, scratch.end)),
      text: describeValue(value),
    };
  } catch {}
  try {
    if (byPort) return { value: structuredClone(value) };
  } catch {}
  return { text: describeValue(value) };
}

/** @throws CodecError for what can't be read here */
function unpack(carried: Carried): unknown {
  if ('value' in carried) return carried.value;
  if (!('bytes' in carried)) return carried.text;
  const { buffer, byteOffset, length } = carried.bytes;
  return readValue(Buffer.from(buffer, byteOffset, length), 0, length);
}

/** Reads a property that may be a getter that throws. */
function read(error: object, key: string): unknown {
  try {
    return (error as Record<string, unknown>)[key];
  } catch {
    return undefined;
  }
}

function classesOf(error: Error): string[] {
  const names: string[] = [];
  for (let type = Object.getPrototypeOf(error); type !== null && type !== Object.prototype; ) {
    const name = type.constructor?.name;
    if (typeof name === 'string' && name !== '') names.push(name);
    type = Object.getPrototypeOf(type);
  }
  return names;
}

function brandsOf(error: Error): string[] {
  const brands = new Set<string>();
  // From the error itself on: one that has crossed threads before carries its own.
  for (let type: object | null = error; type !== null && type !== Object.prototype; ) {
    for (const symbol of Object.getOwnPropertySymbols(type)) {
      const key = Symbol.keyFor(symbol);
      if (key?.startsWith(BRAND_PREFIX)) brands.add(key);
    }
    type = Object.getPrototypeOf(type);
  }
  return [...brands];
}

/** Describes one thrown value and what it was caused by. */
class Describer {
  readonly #byPort: boolean;
  /** In the order of their descriptions. */
  readonly #errors: Error[] = [];

  constructor(byPort: boolean) {
    this.#byPort = byPort;
  }

  describe(value: unknown, depth: number): Thrown {
    if (!isError(value)) return { kind: 'value', value: carry(value, this.#byPort) };
    const index = this.#errors.indexOf(value);
    if (index >= 0) return { kind: 'same', index };
    this.#errors.push(value);
    const properties: [string, Carried][] = [];
    for (const key of Object.keys(value)) {
      if (key === 'cause' || key === 'stack' || key === 'message' || key === 'errors') continue;
      properties.push([key, carry(read(value, key), this.#byPort)]);
    }
    const thrown: Thrown = {
      kind: 'error',
      name: String(read(value, 'name')),
      message: String(read(value, 'message')),
      stack: String(read(value, 'stack') ?? ''),
      classes: classesOf(value),
      brands: brandsOf(value),
      properties,
    };
    if (depth === MAX_DEPTH) return thrown;
    if (Object.hasOwn(value, 'cause')) thrown.cause = this.describe(read(value, 'cause'), depth + 1);
    const errors = read(value, 'errors');
    if (thrown.classes.includes('AggregateError') && Array.isArray(errors))
      thrown.errors = errors.map((error) => this.describe(error, depth + 1));
    return thrown;
  }
}

/**
 * The thrown `value` as data that the codec carries; with `byPort` as data that may hold what only a message port carries. What can't be
 * cloned is described.
 *
 * @internal
 */
export function describeThrown(value: unknown, byPort = true): Thrown {
  return new Describer(byPort).describe(value, 0);
}

const builtIn: ReadonlyMap<string, { prototype: Error }> = new Map(
  [Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError, AggregateError].map(
    (type) => [type.name, type],
  ),
);

function hidden(error: object, key: string, value: unknown): void {
  Object.defineProperty(error, key, { value, configurable: true, writable: true, enumerable: false });
}

type KnownErrors = ReadonlyMap<string, { prototype: Error }>;
type ThrownError = Extract<Thrown, { kind: 'error' }>;

/**
 * The value that a caller's promise rejects with; CodecError for a thrown value that can't be read here. `known` are the program's own
 * classes by name.
 *
 * @internal
 */
export function rebuildThrown(thrown: Thrown, known: KnownErrors): unknown {
  return rebuild(thrown, known, []);
}

function rebuild(thrown: Thrown, known: KnownErrors, made: Error[]): unknown {
  if (thrown.kind === 'same') return made[thrown.index];
  if (thrown.kind === 'error') return rebuildError(thrown, known, made);
  try {
    return unpack(thrown.value);
  } catch (error) {
    return error instanceof CodecError ? error : new CodecError('structured', error);
  }
}

function makeError({ classes, message, name }: ThrownError, known: KnownErrors): Error {
  if (classes[0] === 'DOMException') return new DOMException(message, name);
  // An exotic Error object, without running anybody's constructor.
  const error = new Error(message);
  for (const name of classes) {
    const type = known.get(name) ?? builtIn.get(name);
    if (type === undefined) continue;
    Object.setPrototypeOf(error, type.prototype);
    break;
  }
  return error;
}

function rebuildError(thrown: ThrownError, known: KnownErrors, made: Error[]): Error {
  const error = makeError(thrown, known);
  made.push(error);
  hidden(error, 'stack', thrown.stack);
  if (error.name !== thrown.name) hidden(error, 'name', thrown.name);
  for (const brand of thrown.brands) hidden(error, Symbol.for(brand) as unknown as string, true);
  for (const [key, carried] of thrown.properties) {
    let value: unknown;
    try {
      value = unpack(carried);
    } catch {
      value = (carried as { text: string }).text;
    }
    Object.defineProperty(error, key, { value, configurable: true, writable: true, enumerable: true });
  }
  if (thrown.cause !== undefined) hidden(error, 'cause', rebuild(thrown.cause, known, made));
  if (thrown.errors !== undefined)
    hidden(
      error,
      'errors',
      thrown.errors.map((one) => rebuild(one, known, made)),
    );
  return error;
}

/** File, line and column of a line of a stack: an error that was made in the call has its caller already. */
const placeIn = (line: string): string => /\(?([^( ]+:\d+:\d+)\)?$/.exec(line)?.[1] ?? line;

/**
 * Adds the frames of those who awaited the task to the stack of its error.
 *
 * @internal
 */
export function addCallers(error: unknown, here: Error): void {
  if (!isError(error) || typeof error.stack !== 'string') return;
  const { stack } = error;
  // Behind the message and the frame of ours that made `here`.
  const callers = (here.stack ?? '')
    .split('\n')
    .slice(2)
    .filter((line) => !line.includes('node:internal') && !stack.includes(placeIn(line)));
  if (callers.length > 0) hidden(error, 'stack', `${stack}\n${callers.join('\n')}`);
}
