// What a program can import: one table (scripts/entries.mjs), and every name the same object wherever it is imported from.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { documented, entries, packageExports, specifierOf } from '../scripts/entries.mjs';

const json = (file: string) => JSON.parse(readFileSync(new URL(`../${file}`, import.meta.url), 'utf8'));
const load = (entry: string): Promise<Record<string, unknown>> =>
  import(new URL(`../dist/${entries[entry]}.js`, import.meta.url).href);

describe('the entries', () => {
  it('are those that package.json exports', () => {
    expect(json('package.json').exports).toEqual(packageExports());
  });

  it('are those that the API reference describes', () => {
    expect(json('typedoc.json').entryPoints).toEqual(documented());
  });

  it.each(Object.keys(entries).map((entry) => [specifierOf(entry), entry]))(
    'give the same objects as each other: %s',
    async (_name, entry) => {
      const own = await load(entry);
      expect(Object.keys(own).length).toBeGreaterThan(0);
      for (const other of Object.keys(entries)) {
        const theirs = await load(other);
        for (const name of Object.keys(own)) if (name in theirs) expect(theirs[name]).toBe(own[name]);
      }
    },
  );

  it.each(['./net', './channel', './context', './sync', './pool'])(
    'have in sluice all that sluice has in parts: %s',
    async (entry) => {
      const whole = await load('.');
      const part = await load(entry);
      for (const name of Object.keys(part)) expect(whole[name], name).toBe(part[name]);
    },
  );

  it('let a listener of sluice/net hand its frames to a pool of sluice/pool', async () => {
    const { listen, lines } = (await load('./net')) as unknown as typeof import('sluice');
    const { WorkerPool } = (await load('./pool')) as unknown as typeof import('sluice');
    const handler = 'data:text/javascript,export const onBatch = (batch) => batch.reply(0, "ok\\n");';
    await using pool = new WorkerPool(new URL(handler), { workers: 1 });
    await using server = await listen('tcp://127.0.0.1:0', { framing: lines() });
    const dispatch = await server.dispatch(pool, 'onBatch', { lanes: 1 });
    expect(dispatch.stats().frames).toBe(0);
  });
});
