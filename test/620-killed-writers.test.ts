// Processes that are killed while they append: every acknowledged record is there, once, in order, round after round in one directory.

import { setTimeout as sleep } from 'node:timers/promises';
import { checkLog } from 'sluice/log';
import { expect, it } from 'vitest';
import { Acknowledged, writeUntil } from './support/killed-writer.js';
import { logDirectory } from './support/log-directory.js';

const full = process.env.SLUICE_STRESS === 'full';
const ROUNDS = Number(process.env.SLUICE_ROUNDS ?? (full ? 1000 : 20));

it(`loses nothing that was acknowledged in ${ROUNDS} kills`, { timeout: 3_600_000 }, async () => {
  const directory = logDirectory();
  const acknowledged = new Acknowledged();
  let end = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const before = acknowledged.ids.size;
    const ms = Math.random() * (full ? 60 : 30);
    acknowledged.add(await writeUntil(directory, round % 2 === 0 ? 'sync' : 'os', round, () => sleep(ms)));
    // What was checked before is looked at again only at the end.
    end = await acknowledged.expectIn(directory, end);
    if (round === 0) expect(acknowledged.ids.size).toBeGreaterThanOrEqual(before);
  }
  expect(acknowledged.ids.size).toBeGreaterThan(ROUNDS * 10);
  await acknowledged.expectIn(directory);
  expect(await checkLog(directory)).toMatchObject({ gaps: [], tornBytes: 0 });
});
