/** Sockets → lanes → workers: loading this lets {@link Listener.dispatch} do its work. */
import { provideDispatch } from '../net/dispatch-target.js';
import { startDispatch } from './dispatches.js';

export { LaneFullError } from './lane-full-error.js';

provideDispatch(startDispatch);
