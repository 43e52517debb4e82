// The engines themselves: each starts on free ports, answers, keeps its data through a kill, and leaves nothing behind.
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { accepts } from './support/engine.js';
import {
  startEtcd,
  startHaproxy,
  startKafka,
  startMosquitto,
  startNats,
  startRedis,
} from './support/engines.js';

describe.each([
  ['redis', startRedis],
  ['nats', startNats],
  ['mosquitto', startMosquitto],
  ['kafka', startKafka],
  ['haproxy', () => startHaproxy(9)],
] as const)('%s', (_name, start) => {
  it('starts, is killed, starts again on its port, and removes its folder', {
    timeout: 120_000,
  }, async () => {
    const { engine, port } = await start();
    try {
      expect(await accepts(port)).toBe(true);
      await engine.kill();
      expect(await accepts(port)).toBe(false);
      await engine.start();
      expect(await accepts(port)).toBe(true);
    } finally {
      await engine.dispose();
    }
    expect(await accepts(port)).toBe(false);
    expect(existsSync(engine.folder)).toBe(false);
  });
});

it('starts three etcd nodes that agree', { timeout: 120_000 }, async () => {
  const { engines, endpoints } = await startEtcd();
  try {
    const body = JSON.stringify({ key: btoa('k'), value: btoa('v') });
    const put = await fetch(`${endpoints[0]}/v3/kv/put`, { method: 'POST', body });
    expect(put.ok).toBe(true);
    const range = await fetch(`${endpoints[2]}/v3/kv/range`, {
      method: 'POST',
      body: JSON.stringify({ key: btoa('k') }),
    });
    const { kvs } = (await range.json()) as { kvs: { value: string }[] };
    expect(kvs[0]?.value).toBe(btoa('v'));
  } finally {
    await Promise.all(engines.map((engine) => engine.dispose()));
  }
});
