/** What can be wrong with memory that threads share. */
import { recogniseAcrossCopies, SluiceError } from '../errors.js';

/**
 * Shared memory cannot be used. `code` says why:
 *
 * - `ERR_SHARED_MEMORY_UNAVAILABLE`: SharedArrayBuffer is switched off, or memory is exhausted
 * - `ERR_SHARED_LAYOUT`: a handle is of another version of sluice, or of something else
 * - `ERR_FOREIGN_HANDLE`: a handle belongs to another process
 * - `ERR_TOO_MANY_THREADS`: more than 1,024 threads of this process use sluice at once, or more than 128 have one lock open
 */
export class SharedMemoryError extends SluiceError {}
recogniseAcrossCopies(SharedMemoryError, 'SharedMemoryError');
