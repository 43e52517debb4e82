/**
 * What a handler threw, on its way to the caller: any value arrives; an error keeps its name, message, properties, cause and
 * stack, and its class where the caller's thread knows one of that name.
 *
 * Not structured clone: that drops the name of a class of one's own, the properties, and the errors of an AggregateError.
 */
import v8 from 'node:v8';
import { describeValue } from '../errors.js';

/** A thrown value as plain data. */
export type Thrown =
  | { kind: 'value'; value: unknown }
  | {
      kind: 'error';
      name: string;
      message: string;
      stack: string;
      /** The names of its classes, its own first. */
      classes: string[];
      /** Global symbols that mark it, as `instanceof` of this package's errors looks for them. */
      brands: string[];
      properties: Record<string, unknown>;
      cause?: Thrown;
      errors?: Thrown[];
    };

const MAX_DEPTH = 8;
const BRAND_PREFIX = 'sluice.';

function isClonable(value: unknown): boolean {
  if (typeof value === 'function' || typeof value === 'symbol') return false;
  if (typeof value !== 'object' || value === null) return true;
  try {
    v8.serialize(value);
    return true;
  } catch {
    return false;
  }
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
  for (let type = Object.getPrototypeOf(error); type !== null && type !== Object.prototype; ) {
    for (const symbol of Object.getOwnPropertySymbols(type)) {
      const key = Symbol.keyFor(symbol);
      if (key?.startsWith(BRAND_PREFIX)) brands.add(key);
    }
    type = Object.getPrototypeOf(type);
  }
  return [...brands];
}

/**
 * The thrown `value` as data that structured clone carries. What can't be cloned is described.
 *
 * @internal
 */
export function describeThrown(value: unknown, depth = 0): Thrown {
  const isError = value instanceof Error || value instanceof DOMException;
  if (!isError) return { kind: 'value', value: isClonable(value) ? value : describeValue(value) };
  const properties: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    if (key === 'cause' || key === 'stack' || key === 'message' || key === 'errors') continue;
    const property = read(value, key);
    properties[key] = isClonable(property) ? property : describeValue(property);
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
  if (Object.hasOwn(value, 'cause')) thrown.cause = describeThrown(read(value, 'cause'), depth + 1);
  const errors = read(value, 'errors');
  if (value instanceof AggregateError && Array.isArray(errors))
    thrown.errors = errors.map((error) => describeThrown(error, depth + 1));
  return thrown;
}

const builtIn: ReadonlyMap<string, { prototype: Error }> = new Map(
  [Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError, AggregateError].map(
    (type) => [type.name, type],
  ),
);

function hidden(error: object, key: string, value: unknown): void {
  Object.defineProperty(error, key, { value, configurable: true, writable: true, enumerable: false });
}

/**
 * The value that a caller's promise rejects with. `known` are the program's own classes by name.
 *
 * @internal
 */
export function rebuildThrown(thrown: Thrown, known: ReadonlyMap<string, { prototype: Error }>): unknown {
  if (thrown.kind === 'value') return thrown.value;
  if (thrown.classes[0] === 'DOMException') {
    const error = new DOMException(thrown.message, thrown.name);
    hidden(error, 'stack', thrown.stack);
    return error;
  }
  let prototype: Error = Error.prototype;
  for (const name of thrown.classes) {
    const type = known.get(name) ?? builtIn.get(name);
    if (type === undefined) continue;
    prototype = type.prototype;
    break;
  }
  // An exotic Error object, without running anybody's constructor.
  const error = new Error(thrown.message);
  Object.setPrototypeOf(error, prototype);
  hidden(error, 'stack', thrown.stack);
  if (error.name !== thrown.name) hidden(error, 'name', thrown.name);
  for (const brand of thrown.brands) hidden(error, Symbol.for(brand) as unknown as string, true);
  for (const [key, value] of Object.entries(thrown.properties))
    Object.defineProperty(error, key, { value, configurable: true, writable: true, enumerable: true });
  if (thrown.cause !== undefined) hidden(error, 'cause', rebuildThrown(thrown.cause, known));
  if (thrown.errors !== undefined)
    hidden(
      error,
      'errors',
      thrown.errors.map((one) => rebuildThrown(one, known)),
    );
  return error;
}

/**
 * Adds the frames of those who awaited the task to the stack of its error.
 *
 * @internal
 */
export function addCallers(error: unknown, here: Error): void {
  if (!(error instanceof Error) || typeof error.stack !== 'string') return;
  // Behind the message and the frame of ours that made `here`.
  const callers = (here.stack ?? '')
    .split('\n')
    .slice(2)
    .filter((line) => !line.includes('node:internal'));
  if (callers.length > 0) hidden(error, 'stack', `${error.stack}\n${callers.join('\n')}`);
}
