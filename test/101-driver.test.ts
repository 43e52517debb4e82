// What sockets run on, and how the environment chooses it.
import { execFileSync } from 'node:child_process';
import { driver } from 'sluice';
import { describe, expect, it } from 'vitest';

const library = new URL('../dist/index.js', import.meta.url).href;

/** What `code` prints in a process with SLUICE_DRIVER set to `word`. */
function inProcess(word: string, code: string): string {
  const program = `import * as sluice from ${JSON.stringify(library)}; ${code}`;
  return execFileSync(process.execPath, ['--input-type=module', '--eval', program], {
    env: { ...process.env, SLUICE_DRIVER: word },
    encoding: 'utf8',
  }).trim();
}

const tryDriver = 'try { sluice.driver(); } catch (error) { console.log(error.name, error.code); }';
const tryListen =
  "await sluice.listen('tcp://127.0.0.1:0', { framing: sluice.lines() }).catch((error) => console.log(error.code));";

describe('driver', () => {
  it('is the native one, and says why', () => {
    expect(driver().driver).toBe('native');
    expect(driver().reason).toMatch(/addon|SLUICE_DRIVER/);
    expect(driver()).toBe(driver());
  });

  it('names the environment as the reason when it was asked for', () => {
    const said = inProcess('native', 'console.log(JSON.stringify(sluice.driver()));');
    expect(JSON.parse(said)).toEqual({
      driver: 'native',
      reason: expect.stringContaining('SLUICE_DRIVER=native'),
    });
  });

  it('refuses a word that names no driver', () => {
    expect(inProcess('fast', tryDriver)).toBe('InvalidArgValueError ERR_INVALID_ARG_VALUE');
    expect(inProcess('fast', tryListen)).toBe('ERR_INVALID_ARG_VALUE');
  });

  it('refuses the portable driver, which is not built yet', () => {
    expect(inProcess('portable', tryDriver)).toBe('NotSupportedError ERR_NOT_SUPPORTED');
    expect(inProcess('portable', tryListen)).toBe('ERR_NOT_SUPPORTED');
  });
});
