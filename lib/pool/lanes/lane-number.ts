/** Numbers of lanes in the queues of a pool, where numbers of slots are too: bit 30 tells them apart. */
const LANE_BIT = 1 << 30;
const LANE_BITS = 12;
export const MAX_LANES = 1 << LANE_BITS;

export const laneNumber = (dispatch: number, lane: number): number =>
  LANE_BIT | (dispatch << LANE_BITS) | lane;
export const isLane = (number: number): boolean => (number & LANE_BIT) !== 0;
export const dispatchOf = (number: number): number => (number & ~LANE_BIT) >>> LANE_BITS;
export const laneOf = (number: number): number => number & (MAX_LANES - 1);
