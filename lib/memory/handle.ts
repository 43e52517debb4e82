/**
 * Handles: what one thread posts to another so that it can open the same channel, context or lock.
 *
 * A handle is a plain object around a range of shared memory. It names the process and the layout, so that one that came
 * from elsewhere is refused instead of read.
 */
import { InvalidArgTypeError } from '../errors.js';
import { wakes } from '../platform/driver.js';
import { LINE_WORDS } from './layout.js';
import type { SharedRegion } from './memory.js';
import { SharedMemoryError } from './shared-memory-error.js';

/** Of all layouts that handles lead to; changed when one of them changes. */
const HANDLE_VERSION = 2;

/** Can be posted to other threads of this process, in `workerData` or a message, any number of times. */
export interface SharedHandle<Kind extends string = string> {
  /** What it is the handle of. */
  readonly sluice: Kind;
  /** Of the layout of its memory. */
  readonly version: number;
  /** The process that it belongs to. */
  readonly pid: number;
  /** The copy of this package in the process that it belongs to. */
  readonly copy: number;
  /** Its memory. */
  readonly region: SharedRegion;
}

/** @internal */
export function makeHandle<Kind extends string>(kind: Kind, region: SharedRegion): SharedHandle<Kind> {
  return { sluice: kind, version: HANDLE_VERSION, pid: process.pid, copy: wakes.registry, region };
}

/**
 * The region of `handle`, if it is one of `kind`, made by this version in this process.
 *
 * @internal
 * @throws InvalidArgTypeError, SharedMemoryError
 */
export function checkHandle(kind: string, handle: unknown): SharedRegion {
  const { sluice, version, pid, copy, region } = (handle ?? {}) as Partial<SharedHandle>;
  if (sluice !== kind) throw new InvalidArgTypeError('handle', `the handle of a ${kind}`, handle);
  if (version !== HANDLE_VERSION)
    throw new SharedMemoryError(
      'ERR_SHARED_LAYOUT',
      `the handle comes from another version of sluice: layout ${version}, not ${HANDLE_VERSION}`,
    );
  if (pid !== process.pid)
    throw new SharedMemoryError(
      'ERR_FOREIGN_HANDLE',
      `the handle belongs to process ${pid}, not ${process.pid}`,
    );
  // Each copy knows only the threads that it has woken itself.
  if (copy !== wakes.registry)
    throw new SharedMemoryError(
      'ERR_FOREIGN_HANDLE',
      'the handle was made by another copy of sluice in this process: open it with that copy',
    );
  if (typeof SharedArrayBuffer === 'undefined' || !(region?.buffer instanceof SharedArrayBuffer))
    throw new InvalidArgTypeError('handle.region', 'shared memory', region);
  const { buffer, byteOffset, byteLength } = region;
  if (
    !Number.isInteger(byteOffset) ||
    byteOffset % 4 !== 0 ||
    !(byteLength >= LINE_WORDS * 4) ||
    byteOffset + byteLength > buffer.byteLength
  )
    throw new SharedMemoryError('ERR_SHARED_LAYOUT', 'the handle does not match its memory');
  return region;
}
