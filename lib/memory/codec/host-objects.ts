/**
 * Which values V8's serializer would spoil: it writes a Blob, a DOMException or a BlockList of Node 22 and later as a plain object, and a
 * WebAssembly.Module as bytes that nothing reads back. Node marks such objects with a private symbol that only a message port looks at,
 * so a class is judged by what `structuredClone` makes of its first instance that is met.
 *
 * Not seen: a plain object that a program has given to `markAsUncloneable`, and values in named properties of an array that is longer
 * than MAX_NAMED. Both are written as what they look like.
 */
import { Buffer } from 'node:buffer';
import { types } from 'node:util';

/** Arrays up to this length are searched for properties beside their elements. */
const MAX_NAMED = 1024;

type Prototype = object | null;

const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as object;
const leaves = new Set<Prototype>(
  [Date, RegExp, Boolean, Number, String, BigInt, ArrayBuffer, DataView].map(
    (type) => type.prototype as object,
  ),
);
for (const name of Object.getOwnPropertyNames(globalThis)) {
  if (!name.endsWith('Array')) continue;
  const prototype = (globalThis as unknown as Record<string, { prototype: object }>)[name]!.prototype;
  if (Object.getPrototypeOf(prototype) === typedArray) leaves.add(prototype); // Float16Array too, where there is one
}
const errors = new Set<Prototype>(
  [Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError, AggregateError].map(
    (type) => type.prototype as object,
  ),
);
const containers = new Set<Prototype>([
  null,
  Object.prototype,
  Array.prototype,
  Map.prototype,
  Set.prototype,
]);

/** For prototypes of other classes and other realms: the prototype of their clones. */
const judged = new WeakMap<object, Prototype>();

const isKnown = (prototype: Prototype): boolean =>
  containers.has(prototype) || leaves.has(prototype) || errors.has(prototype);

/**
 * The prototype that a clone of `value` has. A class is remembered once its clone is something that V8 writes; an instance that can't be
 * cloned says nothing of the next.
 *
 * @throws what `structuredClone` throws
 */
function judge(value: object, prototype: object): Prototype {
  const known = judged.get(prototype);
  if (known !== undefined) return known;
  const cloned = Object.getPrototypeOf(structuredClone(value)) as Prototype;
  if (!isKnown(cloned))
    throw new TypeError(`${cloned?.constructor?.name ?? 'a host object'} can travel only by message port`);
  judged.set(prototype, cloned);
  return cloned;
}

/** What V8 is to look out for in a value that it can write. */
export interface Inspection {
  /** There are Buffers, which arrive as Buffers, each with memory of its own. */
  hasBuffers: boolean;
}

/**
 * Looks through `root` for what V8's serializer would spoil.
 *
 * @throws for the first such object; also whatever a getter throws
 */
export function inspectForV8(root: unknown): Inspection {
  const inspection: Inspection = { hasBuffers: false };
  const pending: unknown[] = [root];
  const seen = new Set<object>();
  while (pending.length > 0) {
    const value = pending.pop();
    if (typeof value !== 'object' || value === null || seen.has(value)) continue;
    seen.add(value);
    let prototype = Object.getPrototypeOf(value) as Prototype;
    if (prototype === Buffer.prototype) {
      inspection.hasBuffers = true;
      continue;
    }
    if (!isKnown(prototype)) prototype = judge(value, prototype!);
    if (leaves.has(prototype)) continue;
    addParts(value, prototype, pending);
  }
  return inspection;
}

/** Only objects matter: the others are not put down. */
function addParts(value: object, prototype: Prototype, pending: unknown[]): void {
  if (errors.has(prototype)) {
    pending.push((value as { cause?: unknown }).cause);
    return;
  }
  if (Array.isArray(value)) {
    for (const element of value) if (typeof element === 'object') pending.push(element);
    if (value.length > MAX_NAMED) return;
  } else if (types.isMap(value)) {
    Map.prototype.forEach.call(value, (one: unknown, key: unknown) => void pending.push(key, one));
    return;
  } else if (types.isSet(value)) {
    Set.prototype.forEach.call(value, (one: unknown) => void pending.push(one));
    return;
  }
  const keys = Object.keys(value);
  if (Array.isArray(value) && keys.length <= value.length) return;
  for (const key of keys) {
    const part = (value as Record<string, unknown>)[key];
    if (typeof part === 'object') pending.push(part);
  }
}
