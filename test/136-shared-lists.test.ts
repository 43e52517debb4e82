// Lists that C++ and TypeScript both have: close reasons, kinds of events, and the order of statistics. C++ is read as text, since
// its enumerations are not in the addon.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { CloseReason } from '../dist/net/disconnect-reason.js';
import { STATS_ORDER } from '../dist/net/stats.js';
import * as turnTable from '../dist/net/turn-table.js';

const source = (path: string): string => readFileSync(new URL(`../native/${path}`, import.meta.url), 'utf8');

/** The values of an enumeration, by the names that they have without `k`. */
function enumeration(text: string, name: string): Record<string, number> {
  const body = new RegExp(`enum class ${name}[^{]*\\{([^}]*)\\}`).exec(text)?.[1];
  if (body === undefined) throw new Error(`there is no enumeration ${name}`);
  return Object.fromEntries(
    [...body.matchAll(/^\s*k(\w+) = (\d+),/gm)].map(([, key, value]) => [key, Number(value)]),
  );
}

const camel = (name: string): string => name[0]!.toLowerCase() + name.slice(1);
const snake = (name: string): string => name.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase();

it('numbers close reasons alike in both languages', () => {
  const { None, ...native } = enumeration(source('core/net/close_reason.h'), 'CloseReason');
  expect(None).toBe(0);
  expect(CloseReason).toEqual(
    Object.fromEntries(Object.entries(native).map(([name, number]) => [camel(name), number])),
  );
});

it('numbers events alike in both languages', () => {
  const native = enumeration(source('core/reactor/event.h'), 'EventKind');
  const notKinds = ['EVENT_COUNT', 'EVENT_WORDS'];
  const ours = Object.fromEntries(
    Object.entries(turnTable).filter(([name]) => name.startsWith('EVENT_') && !notKinds.includes(name)),
  );
  expect(ours).toEqual(
    Object.fromEntries(Object.entries(native).map(([name, number]) => [`EVENT_${snake(name)}`, number])),
  );
});

it('fills statistics in the order in which they are read', () => {
  const text = source('addon/reactor_wrap.cc');
  const body = /const uint64_t current\[\] = \{([^}]*)\}/.exec(text)?.[1] ?? '';
  // Three have another name where they are not counted but looked up.
  const lookedUp: Record<string, string> = {
    openConnections: 'connections',
    heldBytes: 'bufferedBytes',
    queuedOutput: 'outputBytes',
  };
  const filled = [...body.matchAll(/(?:\.|->)(\w+)/g)].map(([, field]) => lookedUp[field!] ?? field);
  expect(filled).toEqual([...STATS_ORDER]);
});
