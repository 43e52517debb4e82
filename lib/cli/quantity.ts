/** Amounts as people write them on a command line, and as they like to read them. */
import { InvalidArgValueError, OutOfRangeError } from '../errors.js';

const KIBI = 1024;
const powers: Readonly<Record<string, number>> = Object.freeze({ '': 0, k: 1, m: 2, g: 3 });

/** A parser for an option that takes a size from `min` to `max` bytes: `4096`, `64k`, `16MiB`, `1g`; k is 1024. */
export function sizeOption(name: string, min: number, max: number): (text: string) => number {
  return (text) => {
    const match = /^(\d+)(?:([kmg])(?:i?b)?)?$/i.exec(text);
    if (match === null) throw new InvalidArgValueError(name, 'must be a size such as 4096 or 64k', text);
    return inRange(name, scaled(match, KIBI), min, max);
  };
}

/** A parser for an option that takes a whole number from `min` to `max`: `4096`, `10k`, `1m`; k is 1000. */
export function countOption(name: string, min: number, max: number): (text: string) => number {
  return (text) => {
    const match = /^(\d+)([kmg])?$/i.exec(text);
    if (match === null)
      throw new InvalidArgValueError(name, 'must be a whole number such as 4096 or 10k', text);
    return inRange(name, scaled(match, 1000), min, max);
  };
}

function scaled([, digits, unit = '']: RegExpExecArray, base: number): number {
  return Number(digits) * base ** powers[unit.toLowerCase()]!;
}

function inRange(name: string, value: number, min: number, max: number): number {
  if (value < min || value > max) throw new OutOfRangeError(name, `from ${min} to ${max}`, value);
  return value;
}

/** A parser for an option that takes seconds, with a fraction if need be; the result is in milliseconds. */
export function secondsOption(name: string, min: number, max: number): (text: string) => number {
  return (text) => {
    if (!/^\d+(\.\d+)?$/.test(text)) {
      throw new InvalidArgValueError(name, 'must be a number of seconds such as 10 or 0.5', text);
    }
    const value = Number(text);
    if (value < min || value > max) throw new OutOfRangeError(name, `from ${min} to ${max} seconds`, value);
    return Math.round(value * 1000);
  };
}

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat('en-US', { minimumFractionDigits: 1, maximumFractionDigits: 1 });

/** `1,234,567` */
export function formatCount(value: number): string {
  return whole.format(value);
}

/** Bytes as megabytes of 10^6: `79.0` */
export function formatMegabytes(bytes: number): string {
  return tenths.format(bytes / 1e6);
}

/** Bytes in the largest unit of 1024 that leaves at least one: `256 KiB` */
export function formatBytes(bytes: number): string {
  if (bytes < KIBI) return `${whole.format(bytes)} B`;
  const power = Math.min(3, Math.floor(Math.log(bytes) / Math.log(KIBI)));
  return `${tenths.format(bytes / KIBI ** power)} ${['B', 'KiB', 'MiB', 'GiB'][power]}`;
}

/** Rows of a name and a value, the values right-aligned under each other. */
export function formatRows(rows: readonly (readonly [name: string, value: string])[]): string {
  const names = Math.max(...rows.map(([name]) => name.length));
  const values = Math.max(...rows.map(([, value]) => value.length));
  return rows.map(([name, value]) => `${name.padEnd(names)}  ${value.padStart(values)}\n`).join('');
}
