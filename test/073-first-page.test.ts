// The first page is read on npm too: what it links to must be in the package.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  files: string[];
  repository: { url: string };
};
/** npm adds these by itself. */
const always = ['README.md', 'LICENSE', 'package.json'];
const isShipped = (path: string): boolean =>
  [...always, ...manifest.files].some((entry) => path === entry || path.startsWith(`${entry}/`));

const linksOf = (page: string): string[] =>
  [...readFileSync(join(root, page), 'utf8').matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map(([, to]) =>
    normalize(join(dirname(page), to!)),
  );

describe.each(['README.md', 'docs/guides/sockets.md', 'docs/guides/workers.md', 'docs/guides/testing.md'])(
  '%s',
  (page) => {
    it('links only to files that exist and are in the package', () => {
      const lost = linksOf(page).filter((path) => !existsSync(join(root, path)) || !isShipped(path));
      expect(lost).toEqual([]);
    });
  },
);

it('the README opens with the two commands, then says how to install', () => {
  const text = readFileSync(join(root, 'README.md'), 'utf8');
  expect(text).toMatch(/^# sluice\n\n```sh\nnpm start .*\nnpm test .*\n```\n/);
  expect(text.indexOf('npm install sluice')).toBeGreaterThan(0);
  expect(text.indexOf('npm install sluice')).toBeLessThan(text.indexOf('## A server'));
  expect(text.indexOf('ERR_NOT_SUPPORTED')).toBeLessThan(text.indexOf('## A server'));
});
