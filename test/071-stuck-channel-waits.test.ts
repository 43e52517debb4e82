// The report of stuck waits, for channels and selects.
import { after, channel, recv, select, send, tick } from 'sluice';
import { trackWaits } from 'sluice/testing';
import { expect, it } from 'vitest';

it('sees channels and selects', async () => {
  const waits = trackWaits();
  const empty = channel<number>();
  const full = channel<number>(1);
  full.trySend(1);
  void empty.recv();
  void empty.recvMany(3);
  void empty[Symbol.asyncIterator]().next();
  void full.send(2);
  void full.sendMany([3, 4]);
  void select({ got: recv(channel<string>()), put: send(full, 5), off: null });
  const stuck = await waits.stuck();
  waits.stop();
  expect(stuck.map(({ operation }) => operation)).toEqual([
    'recv',
    'recvMany',
    'for await',
    'send',
    'sendMany',
    'select',
  ]);
  expect(stuck[3]?.on[0]?.what).toBe(full);
  expect(stuck[5]?.on).toHaveLength(2);
  expect(stuck[5]?.on[1]?.what).toBe(full);
  for (const { on, waitingAt } of stuck) {
    expect(waitingAt).toContain('071-stuck-channel-waits.test.ts');
    expect(on[0]?.createdAt).toContain('071-stuck-channel-waits.test.ts');
  }
  empty.close();
  full.tryRecv();
});

it('omits waits that a timer will end', async () => {
  await using waits = trackWaits();
  using ticker = tick(3_600_000);
  void ticker.recv();
  const idle = channel();
  void select({ idle: recv(idle), timeout: after(3_600_000) });
  expect(await waits.stuck()).toEqual([]);
  idle.close();
});
