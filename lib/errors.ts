/**
 * Every error that sluice throws, rejects with or names as a reason: one table of classes and stable codes.
 *
 * A program tells errors apart by `code` (stable across releases) or with `instanceof`. `instanceof` compares the
 * class's global symbol, so it also recognises an error that another copy of this package made.
 */

interface Brand {
  readonly brand: symbol;
}

function branded(this: Brand, candidate: unknown): boolean {
  if (!Object.hasOwn(this, 'brand')) return Function.prototype[Symbol.hasInstance].call(this, candidate); // a user's subclass
  return (
    (typeof candidate === 'object' || typeof candidate === 'function') &&
    candidate !== null &&
    (candidate as Record<symbol, unknown>)[this.brand] === true
  );
}

/**
 * Marks `type` and its instances with `Symbol.for('sluice.<name>')` and lets `instanceof` look for that mark.
 * @internal
 */
export function recogniseAcrossCopies(type: { prototype: object }, name: string): void {
  const brand = Symbol.for(`sluice.${name}`);
  Object.defineProperty(type, 'brand', { value: brand });
  Object.defineProperty(type, Symbol.hasInstance, { value: branded });
  Object.defineProperty(type.prototype, brand, { value: true });
  Object.defineProperty(type.prototype, 'name', { value: name, configurable: true, writable: true });
}

/** What every sluice error has beside the message. */
export interface CodedError extends Error {
  /** Stable identifier, `ERR_…` for our own errors, the errno name (`EADDRINUSE`, …) for the system's. */
  readonly code: string;
}

/** A run-time failure of the library: the base of the classes below that are not argument errors. */
export class SluiceError extends Error implements CodedError {
  readonly code: string;
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
recogniseAcrossCopies(SluiceError, 'SluiceError');

/** An argument has the wrong type. `code` is `ERR_INVALID_ARG_TYPE`; `value` is what was passed. */
export class InvalidArgTypeError extends TypeError implements CodedError {
  readonly code = 'ERR_INVALID_ARG_TYPE';
  /** What was passed. */
  readonly value: unknown;
  constructor(name: string, expected: string, value: unknown) {
    super(`${name} must be ${expected}, got ${describeValue(value)}`);
    this.value = value;
  }
}
recogniseAcrossCopies(InvalidArgTypeError, 'InvalidArgTypeError');

/** An argument has the right type and a value that makes no sense. `code` is `ERR_INVALID_ARG_VALUE`. */
export class InvalidArgValueError extends TypeError implements CodedError {
  readonly code = 'ERR_INVALID_ARG_VALUE';
  /** What was passed. */
  readonly value: unknown;
  constructor(name: string, problem: string, value: unknown) {
    super(`${name} ${problem}, got ${describeValue(value)}`);
    this.value = value;
  }
}
recogniseAcrossCopies(InvalidArgValueError, 'InvalidArgValueError');

/** A number lies outside its range. `code` is `ERR_OUT_OF_RANGE`. */
export class OutOfRangeError extends RangeError implements CodedError {
  readonly code = 'ERR_OUT_OF_RANGE';
  /** What was passed. */
  readonly value: unknown;
  constructor(name: string, range: string, value: unknown) {
    super(`${name} must be ${range}, got ${describeValue(value)}`);
    this.value = value;
  }
}
recogniseAcrossCopies(OutOfRangeError, 'OutOfRangeError');

/** An option or address form that this version does not build. `code` is `ERR_NOT_SUPPORTED`. */
export class NotSupportedError extends SluiceError {
  /** What was passed. */
  readonly value: unknown;
  constructor(what: string, value?: unknown) {
    super('ERR_NOT_SUPPORTED', `${what} is not supported by this version of sluice`);
    this.value = value;
  }
}
recogniseAcrossCopies(NotSupportedError, 'NotSupportedError');

/** A short, safe rendering of any value for an error message. */
export function describeValue(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
    case 'bigint':
      return `${value}n`;
    case 'function':
      return value.name === '' ? 'a function' : `function ${value.name}`;
    case 'object': {
      if (value === null) return 'null';
      const name = (value as object).constructor?.name;
      return typeof name === 'string' && name !== '' ? `an instance of ${name}` : 'an object';
    }
    default:
      return String(value);
  }
}
