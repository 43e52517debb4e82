import { recogniseAcrossCopies, SluiceError } from '../errors.js';

/** A connection was closed, since its lane was full: `overflow: 'disconnect'`. `code` is `ERR_LANE_FULL`. */
export class LaneFullError extends SluiceError {
  constructor() {
    super(
      'ERR_LANE_FULL',
      'the connection was closed because its lane is full: add workers or lanes, or raise laneBytes',
    );
  }
}
recogniseAcrossCopies(LaneFullError, 'LaneFullError');
