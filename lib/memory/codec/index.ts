/** Codecs: values as bytes, for everything that goes through shared memory. */
export { CodecError } from './codec-error.js';
export { bytes, type Codec, float64, int32, json, structured, utf8 } from './codecs.js';
