// Whether what a program has open keeps its process alive.
import { spawn } from 'node:child_process';
import { once } from 'node:events';

const STILL_THERE_MS = 300;

/** How the process of a module with this source ends: its exit status, or null when it is still there a while after its last line. */
export async function exitOf(source: string): Promise<number | null> {
  const program = `${source}\nconsole.log('ready');`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = once(child, 'exit').then(([status]) => status as number);
  await Promise.race([exit, once(child.stdout, 'data')]);
  const later = new Promise<null>((resolve) => setTimeout(resolve, STILL_THERE_MS, null));
  const status = await Promise.race([exit, later]);
  if (status === null) child.kill();
  await exit;
  return status;
}
