// docs/errors.md lists every error code, each once: who adds a code adds its row, with class, cause and remedy.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const source = (readdirSync(join(root, 'lib'), { recursive: true }) as string[])
  .filter((name) => name.endsWith('.ts'))
  .map((name) => readFileSync(join(root, 'lib', name), 'utf8'))
  .join('\n');
// What is only compared with (`=== 'ERR_…'`) is Node's.
const codes = new Set([...source.matchAll(/(?<![=!]== )['"`](ERR_[A-Z_]+)['"`]/g)].map(([, code]) => code!));
const page = readFileSync(join(root, 'docs', 'errors.md'), 'utf8');
const rows = page.split('\n').filter((line) => /^\| `[A-Z_]+`/.test(line));

it('lists every code of the source once, with all columns', () => {
  const listed = rows.map((row) => /`([A-Z_]+)`/.exec(row)![1]!);
  expect(listed).toEqual([...new Set(listed)]);
  expect([...codes].filter((code) => !listed.includes(code))).toEqual([]);
  for (const row of rows) {
    const columns = row.split('|').slice(1, -1);
    expect(
      columns.map((column) => column.trim() !== ''),
      row,
    ).toEqual([true, true, true, true]);
  }
});

it('names classes that exist', async () => {
  const exported = new Set([
    ...Object.keys(await import('sluice')),
    ...[...source.matchAll(/export class (\w+Error)\b/g)].map(([, name]) => name!),
  ]);
  const known = rows.filter((row) => codes.has(/`([A-Z_]+)`/.exec(row)![1]!));
  const named = known.flatMap((row) => row.split('|')[2]!.match(/`(\w+Error)`/)?.[1] ?? []);
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((name) => !exported.has(name))).toEqual([]);
});
