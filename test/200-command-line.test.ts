// What the command line says to right and wrong arguments.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { sluice } from './support/command.js';

const ANY = 'tcp://127.0.0.1:0';

describe('help', () => {
  it.each([
    [['--help'], ['listen', 'load']],
    [
      ['listen', '--help'],
      ['--framing', '--to', '--max-frame', '(default: 64m)', 'Exit status', 'Examples'],
    ],
    [
      ['load', '--help'],
      ['--connections', '--write-size', '(default: 16k)', 'Exit status', 'Examples'],
    ],
  ])('of %j goes to stdout', async (args, words) => {
    const { status, stdout, stderr } = await sluice(...args);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    for (const word of words) expect(String(stdout)).toContain(word);
  });

  it('is printed as an error when no command is given', async () => {
    const { status, stdout, stderr } = await sluice();
    expect({ status, stdout: String(stdout) }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain('Usage: sluice');
  });

  it('has the version', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
    const { status, stdout } = await sluice('--version');
    expect({ status, stdout: String(stdout) }).toEqual({ status: 0, stdout: `${version}\n` });
  });
});

describe('a wrong command line ends with status 2 and one line:', () => {
  it.each([
    ['an unknown command', ['lisen'], /unknown command 'lisen'/],
    ['no address', ['listen'], /missing required argument 'address'/],
    ['two addresses', ['listen', ANY, ANY], /too many arguments/],
    ['an unknown option', ['listen', ANY, '--framng', 'raw'], /unknown option '--framng'.*--framing/],
    ['an option without its value', ['listen', ANY, '--to'], /argument missing/],
    ['no scheme', ['listen', '127.0.0.1:7000'], /must begin with tcp:\/\/.*"127\.0\.0\.1:7000"/],
    ['a port out of range', ['load', 'tcp://127.0.0.1:65536'], /from 0 to 65535, got 65536/],
    ['a scheme of later', ['listen', 'tls://127.0.0.1:0'], /must begin with/],
    [
      'an unknown framing',
      ['listen', ANY, '--framing', 'json'],
      /--framing must be .*lines, lines:keep-cr,.*"json"/,
    ],
    ['a prefix width that does not exist', ['listen', ANY, '--framing', 'length:3'], /--framing must be/],
    ['a width without its byte order', ['listen', ANY, '--framing', 'length:4'], /--framing must be/],
    ['an empty delimiter', ['listen', ANY, '--framing', 'delimited:'], /1 to 64 bytes/],
    ['an unknown escape', ['listen', ANY, '--framing', 'delimited:\\q'], /unknown escape/],
    [
      'an unknown escape in the separator',
      ['listen', ANY, '--separator', '\\x0'],
      /--separator has an unknown escape/,
    ],
    ['frames of no bytes', ['listen', ANY, '--framing', 'fixed:0'], /from 1 to/],
    [
      'fixed frames above --max-frame',
      ['listen', ANY, '--framing', 'fixed:2000', '--max-frame', '1k'],
      /fixed\(\)/,
    ],
    ['a size that is none', ['listen', ANY, '--max-frame', 'big'], /--max-frame must be a size.*"big"/],
    ['a size out of range', ['listen', ANY, '--max-frame', '2g'], /--max-frame must be from 1 to 1073741824/],
    ['a negative size', ['load', ANY, '--size=-1'], /--size must be a size/],
    ['no connections', ['load', ANY, '--connections', '0'], /--connections must be from 1/],
    ['a fraction of a frame', ['load', ANY, '--count', '1.5'], /--count must be a whole number/],
    ['no time', ['load', ANY, '--seconds', '0'], /--seconds must be from/],
    ['a time that is none', ['load', ANY, '--seconds', '1e3'], /--seconds must be a number of seconds/],
    [
      'a size that the prefix can not say',
      ['load', ANY, '--framing', 'length:1', '--size', '256'],
      /--size must be at most 255/,
    ],
    [
      'a size beside fixed frames',
      ['load', ANY, '--framing', 'fixed:10', '--size', '11'],
      /--size must be 10/,
    ],
    [
      'frames of nothing at all',
      ['load', ANY, '--framing', 'raw', '--size', '0'],
      /--size must be at least 1/,
    ],
    [
      'a separator for nothing',
      ['listen', ANY, '--to', 'null', '--separator', 'x'],
      /--separator needs an output/,
    ],
    ['silent statistics', ['listen', ANY, '-q', '--stats', '1'], /--stats.*cannot be used with.*--quiet/],
    ['silent progress', ['load', ANY, '-q', '--stats', '1'], /--stats.*cannot be used with.*--quiet/],
    ['nothing to truncate', ['listen', ANY, '--truncate'], /--truncate needs a file/],
  ])('%s', async (_, args, message) => {
    const { status, stdout, stderr } = await sluice(...args);
    expect(stderr).toMatch(/^sluice: [^\n]+\n$/);
    expect(stderr).toMatch(message);
    expect({ status, stdout: String(stdout) }).toEqual({ status: 2, stdout: '' });
  });
});

describe('what the system refuses ends with status 1 and one line:', () => {
  it.each([
    [
      'an address that is not ours',
      ['listen', 'tcp://192.0.2.1:7000'],
      /EADDRNOTAVAIL, this machine has no such address/,
    ],
    ['nobody to load', ['load', 'tcp://127.0.0.1:1'], /ECONNREFUSED, connection refused/],
    ['a unix socket that is not there', ['load', 'unix:///nowhere/app.sock'], /ENOENT, no such file/],
    ['a file in no folder', ['listen', ANY, '-q', '--to', '/nowhere/out.log'], /ENOENT.*\/nowhere\/out\.log/],
    ['a folder as the file', ['listen', ANY, '-q', '--to', '/'], /EISDIR/],
  ])('%s', async (_, args, message) => {
    const { status, stdout, stderr } = await sluice(...args);
    expect(stderr).toMatch(/^sluice: [^\n]+\n$/);
    expect(stderr).toMatch(message);
    expect({ status, stdout: String(stdout) }).toEqual({ status: 1, stdout: '' });
  });
});
