/** Argument checks that throw with a class, a code and the offending value. */
import { InvalidArgTypeError, InvalidArgValueError, NotSupportedError, OutOfRangeError } from './errors.js';

/** An integer in [min, max]. */
export function checkInteger(name: string, value: unknown, min: number, max: number): number {
  if (typeof value !== 'number') throw new InvalidArgTypeError(name, 'a number', value);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new OutOfRangeError(name, `an integer from ${min} to ${max}`, value);
  }
  return value;
}

export function checkBoolean(name: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw new InvalidArgTypeError(name, 'a boolean', value);
  return value;
}

export function checkFunction<F>(name: string, value: F): F {
  if (typeof value !== 'function') throw new InvalidArgTypeError(name, 'a function', value);
  return value;
}

export function checkOneOf<T extends string | number>(
  name: string,
  value: unknown,
  allowed: readonly T[],
): T {
  if (!allowed.includes(value as T)) {
    throw new InvalidArgValueError(
      name,
      `must be one of ${allowed.map((a) => JSON.stringify(a)).join(', ')}`,
      value,
    );
  }
  return value as T;
}

/** A plain options object, or undefined; every key must be known, and those not built yet are refused by name. */
export function checkOptions(
  name: string,
  value: unknown,
  known: readonly string[],
  notSupported: readonly string[] = [],
): Record<string, unknown> {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null) throw new InvalidArgTypeError(name, 'an object', value);
  for (const [key, given] of Object.entries(value)) {
    if (given === undefined) continue;
    if (notSupported.includes(key)) throw new NotSupportedError(`${name}.${key}`, given);
    if (!known.includes(key)) throw new InvalidArgValueError(`${name}.${key}`, 'is not an option', given);
  }
  return value as Record<string, unknown>;
}
