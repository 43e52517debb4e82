// Handlers that take and give values of all kinds.
import { setTimeout as sleep } from 'node:timers/promises';
import vm from 'node:vm';
import { currentPool, currentTask, openChannel } from '../../dist/index.js';
import { describe, make, paths } from './zoo.mjs';

export { describe };
export const echo = (value) => value;
export const give = (name) => make(name);
export const giveLater = (value, ms) => sleep(ms, value);
export async function* items(name) {
  yield 'first';
  yield make(name);
  yield 'last';
}
export function report(name) {
  currentTask().progress(make(name));
}
export function fail(name) {
  throw Object.assign(new TypeError('with a part'), { part: make(name), code: 'E_PART', more: 2 });
}
/** The same ways, from this worker to whichever takes the task. */
export async function nested(path, names) {
  const outcomes = [];
  for (const name of names) outcomes.push(await paths[path](currentPool(), name));
  return outcomes;
}
export async function receive(handle, count) {
  const channel = openChannel(handle);
  const outcomes = [];
  for (let i = 0; i < count; i++) {
    try {
      outcomes.push(await describe((await channel.recv()).value));
    } catch (error) {
      outcomes.push(error.code === 'ERR_CODEC' ? 'refused' : error.stack);
    }
  }
  return outcomes;
}
export async function reason(handle) {
  const { cause } = await openChannel(handle).recv();
  if (cause instanceof Error) return `${cause.name}: ${cause.message}`;
  return typeof cause === 'string' ? 'text' : describe(cause);
}
export function errorOfAnotherRealm() {
  const code = `Object.assign(new TypeError('far', { cause: Object.assign(new Error('why'), { detail: [1] }) }), { code: 'E_FAR' })`;
  throw vm.runInNewContext(code);
}
export const causesItself = () => {
  throw Object.assign(make('an error that causes itself'), { code: 'E_ROUND' });
};
/** Whether memory that came with a value holds a text that came with another. */
export const peek = (value, text) => Buffer.from(value.buffer).toString('latin1').includes(text);
export const size = (value) => value.buffer.byteLength;
export const remember = (value) => value.size;
