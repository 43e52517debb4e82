// Real power cuts: ext4 on a loop device, shut down by ioctl in the middle of traffic without flushing its journal, then mounted again. With
// 'sync' nothing that was acknowledged is lost.
//
// What counts is what was acknowledged up to the cut. Behind it this machine goes on, unlike one without power, and ext4 may answer 0 to an
// fdatasync whose data is not there afterwards: a bare loop of pwrite and fdatasync meets it too.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Acknowledged, writeUntil } from '../support/killed-writer.js';

const full = process.env.SLUICE_STRESS === 'full';
const ROUNDS = Number(process.env.SLUICE_ROUNDS ?? (full ? 100 : 5));
const IMAGE_BYTES = 256 * 1024 * 1024;
/** EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH: linux/fs/ext4/ext4.h. Everything fails with EIO from then on. */
const SHUTDOWN = `import fcntl,os,struct,sys
fd=os.open(sys.argv[1],os.O_RDONLY)
print('ready',flush=True)
sys.stdin.readline()
fcntl.ioctl(fd,0x8004587d,struct.pack('I',2))`;

const run = (command: string, ...words: string[]): void => {
  execFileSync(command, words, { stdio: ['ignore', 'ignore', 'pipe'] });
};

class LoopDisk {
  readonly folder = mkdtempSync(join(tmpdir(), 'sluice-disk-'));
  readonly mountPoint = mkdtempSync(join(tmpdir(), 'sluice-mount-'));
  readonly #image = join(this.folder, 'image');
  #mounted = false;

  make(): void {
    writeFileSync(this.#image, '');
    truncateSync(this.#image, IMAGE_BYTES);
    run('mkfs.ext4', '-q', '-F', this.#image);
    this.mount();
  }
  mount(): void {
    run('mount', '-o', 'loop', this.#image, this.mountPoint);
    this.#mounted = true;
  }
  unmount(): void {
    if (this.#mounted) run('umount', this.mountPoint);
    this.#mounted = false;
  }
  /** Waits for `ms`, then cuts the power: everything fails from then on. */
  async cutPower(ms: number, before: () => void): Promise<void> {
    const cutter = spawn('python3', ['-c', SHUTDOWN, this.mountPoint], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const ended = once(cutter, 'exit');
    await once(cutter.stdout, 'data');
    await sleep(ms);
    before();
    cutter.stdin.end('\n');
    expect(await ended).toEqual([0, null]);
  }
  remove(): void {
    this.unmount();
    for (const folder of [this.folder, this.mountPoint]) rmSync(folder, { recursive: true, force: true });
  }
}

/** Why this machine can't do it, or undefined. */
async function obstacle(disk: LoopDisk): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'mounting needs root';
  try {
    disk.make();
    await disk.cutPower(0, () => {});
    disk.unmount();
    disk.mount();
    return undefined;
  } catch (error) {
    const said = (error as { stderr?: Buffer }).stderr?.toString().trim();
    return `no loop device, ext4 or python3: ${said || (error as Error).message}`;
  }
}

it(`keeps what was acknowledged through ${ROUNDS} power cuts`, { timeout: 1_800_000 }, async (context) => {
  const disk = new LoopDisk();
  try {
    const reason = await obstacle(disk);
    if (reason !== undefined) return context.skip(reason);
    const directory = join(disk.mountPoint, 'deep', 'log');
    const acknowledged = new Acknowledged();
    for (let round = 0; round < ROUNDS; round++) {
      const cut = (said: () => void): Promise<void> => disk.cutPower(10 + Math.random() * 150, said);
      acknowledged.add(await writeUntil(directory, 'sync', round, cut));
      disk.unmount();
      disk.mount();
      await acknowledged.expectIn(directory);
    }
    expect(acknowledged.ids.size).toBeGreaterThan(ROUNDS * 10);
  } finally {
    disk.remove();
  }
});
