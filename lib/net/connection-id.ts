/**
 * What a connection is called for its life, in every thread: `connection.id`.
 *
 * The reactor names a connection by slot and generation, the generation counting the tenants of the slot; with several reactors
 * `index` tells their slots apart. Both fit in one safe integer, so a name comes back after 2^27 tenants of one slot only. The first
 * tenants have small numbers, and none is 0.
 */
const INDEX_SPAN = 2 ** 26;
const GENERATIONS = 2 ** 27;

/** `generation` counts from 1. */
export function connectionId(index: number, generation: number): number {
  return (((generation >>> 0) - 1) % GENERATIONS) * INDEX_SPAN + index + 1;
}
