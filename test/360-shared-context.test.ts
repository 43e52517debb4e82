// A context whose handle is opened elsewhere ends with it: cancel, cause and deadline go down, never up.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { background, openContext, withCancel, withTimeout } from 'sluice';
import { expect, it } from 'vitest';

const program = new URL('./programs/shared-channel-worker.mjs', import.meta.url);
const start = (workerData: object): Worker => new Worker(program, { workerData });
const result = async (worker: Worker): Promise<never> => (await once(worker, 'message'))[0] as never;

it('cancels a wait in another thread, with the cause', async () => {
  using ctx = withCancel(background());
  const worker = start({ role: 'context', handle: ctx.handle });
  expect(await result(worker)).toEqual({ deadline: undefined, done: false });
  ctx.cancel(Object.assign(new TypeError('enough'), { code: 'ERR_ENOUGH' }));
  expect(await result(worker)).toEqual({
    code: 'ERR_CANCELED',
    name: 'CanceledError',
    err: 'ERR_CANCELED',
    cause: { name: 'TypeError', message: 'enough', code: 'ERR_ENOUGH' },
  });
});

it('carries the deadline, and a cause that is a plain value', async () => {
  using ctx = withTimeout(background(), 300, { cause: { slow: true } });
  const worker = start({ role: 'context', handle: ctx.handle });
  expect(await result(worker)).toEqual({ deadline: ctx.deadline!.getTime(), done: false });
  expect(await result(worker)).toMatchObject({
    code: 'ERR_DEADLINE_EXCEEDED',
    err: 'ERR_DEADLINE_EXCEEDED',
    cause: { slow: true },
  });
});

it('carries the cause of the deadline of a parent', async () => {
  using parent = withTimeout(background(), 30, {
    cause: Object.assign(new Error('late'), { code: 'ERR_LATE' }),
  });
  using ctx = withTimeout(parent, 60_000, { cause: 'too late to matter' });
  const child = openContext(ctx.handle);
  await new Promise<void>((resolve) => child.afterFunc(resolve));
  expect(child.err).toMatchObject({ code: 'ERR_DEADLINE_EXCEEDED' });
  expect(child.cause).toMatchObject({ message: 'late', code: 'ERR_LATE' });
});

it('is done at once when the context was', () => {
  const ctx = withCancel(background());
  ctx.cancel('early');
  const child = openContext(ctx.handle);
  expect(child.err).toMatchObject({ code: 'ERR_CANCELED' });
  expect(child.cause).toBe('early');
  expect(child.signal.aborted).toBe(true);
});

it('propagates to children and not to the parent, also below an opened context', async () => {
  using ctx = withCancel(background());
  const [one, two] = [openContext(ctx.handle), openContext(ctx.handle)];
  const grandchild = withCancel(two);
  one.cancel('mine');
  expect([ctx.err, two.err, one.cause]).toEqual([undefined, undefined, 'mine']);
  const ended = new Promise<void>((resolve) => grandchild.afterFunc(resolve));
  ctx.cancel('ours');
  await ended;
  expect([two.cause, grandchild.cause, one.cause]).toEqual(['ours', 'ours', 'mine']);
});

it('sets the word that native code may look at', () => {
  using ctx = withCancel(background());
  const { buffer, byteOffset } = ctx.handle.region;
  const word = new Int32Array(buffer, byteOffset + 128, 1);
  expect(word[0]).toBe(0);
  ctx.cancel();
  expect(word[0]).not.toBe(0);
});

it('refuses anything but a handle of a context of this process', () => {
  const { handle } = withCancel(background());
  expect(() => openContext({ ...handle, pid: 1 })).toThrow(
    expect.objectContaining({ code: 'ERR_FOREIGN_HANDLE' }),
  );
  expect(() => openContext({ ...handle, sluice: 'channel' } as never)).toThrow(
    expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
  );
});
