// A process that appends to a log and is ended in the middle, and what must be in the log afterwards.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { openLog } from 'sluice/log';
import { expect } from 'vitest';

const program = fileURLToPath(new URL('../programs/log-writer.mjs', import.meta.url));

/** What the writers were told: offsets, and the ids of the records there. */
export class Acknowledged {
  readonly ids = new Map<number, string>();

  /** Lines as the writer prints them; what was cut in the middle of a line was not said. */
  add(text: string): void {
    for (const line of text.slice(0, text.lastIndexOf('\n') + 1).split('\n')) {
      const space = line.indexOf(' ');
      if (space > 0) this.ids.set(Number(line.slice(0, space)), line.slice(space + 1));
    }
  }

  /** All of them are in the log, at their offsets, every record once, those of a round in the order of the calls. */
  async expectIn(directory: string, from = 0): Promise<number> {
    await using log = await openLog(directory);
    const last = new Map<string, number>();
    let missing = 0;
    for (const [offset] of this.ids) if (offset >= log.end || offset < log.start) missing++;
    expect(missing).toBe(0);
    for await (const batch of log.read({ from })) {
      expect(batch.gap).toBeUndefined();
      for (let i = 0; i < batch.length; i++) {
        const offset = batch.offset(i);
        const text = batch.text(i);
        const id = text.slice(0, text.indexOf(' '));
        const told = this.ids.get(offset);
        if (told !== undefined && told !== id) expect({ offset, id }).toEqual({ offset, id: told });
        const [round, number] = id.split(':') as [string, string];
        if (!(Number(number) > (last.get(round) ?? -1)))
          expect(`${id} behind ${last.get(round)}`).toBe('in order, once');
        last.set(round, Number(number));
      }
    }
    return log.end;
  }
}

/**
 * Lets a writer work once its log is open. `end` ends it, or what it writes to, after a while, and calls `now` at the moment up to which
 * acknowledgements count. Answers what was said by then.
 */
export async function writeUntil(
  directory: string,
  durability: 'sync' | 'os',
  round: number,
  end: (now: () => void) => Promise<unknown>,
): Promise<string> {
  const child = spawn(process.execPath, [program, directory, durability, `${round}`], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  let counted: string | undefined;
  let complaint = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  const closed = once(child, 'close');
  await Promise.race([once(child.stdout, 'data'), closed]);
  expect(complaint).toBe('');
  await end(() => {
    counted = said;
  });
  child.kill('SIGKILL');
  await closed;
  return counted ?? said;
}
