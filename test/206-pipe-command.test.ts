// `sluice pipe`: values from a source, through functions of a module, to an output.
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openLog } from 'sluice/log';
import { afterAll, describe, expect, it } from 'vitest';
import { until } from './support/clients.js';
import { Sluice } from './support/command.js';

const stages = fileURLToPath(new URL('./programs/pipe-stages.mjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'sluice-pipe-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function withInput(args: string[], input: string) {
  const run = new Sluice(['pipe', '-', ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  const out: Buffer[] = [];
  run.child.stdout!.on('data', (data: Buffer) => out.push(data));
  run.child.stdin!.end(input);
  const ended = await run.ended;
  return { ...ended, text: Buffer.concat(out).toString() };
}

describe('sluice pipe', () => {
  it('leads standard input through functions in this thread and in workers to standard output', async () => {
    const args = [
      '--stage',
      `${stages}:parse`,
      '--stage',
      `${stages}:wanted`,
      '--stage',
      `${stages}:double@2`,
    ];
    const input = '{"n":1}\n\n{"n":2,"keep":false}\n{"n":3}\n';
    const { status, text, stderr } = await withInput(args, input);
    expect(text).toBe('{"n":2}\n{"n":6}\n');
    expect(status).toBe(0);
    expect(stderr).toMatch(/parse +4 +3 +1/);
    expect(stderr).toContain('in 4, out 2, filtered 2, failed 0');
  });

  it('stops at a value that a stage throws at, with what came before written', async () => {
    const { status, text, stderr } = await withInput(
      ['-q', '--stage', `${stages}:parse`],
      '{"n":1}\nnonsense\n{"n":2}\n',
    );
    expect(text).toBe('{"n":1}\n');
    expect(status).toBe(1);
    expect(stderr).toMatch(/the stage 'parse' failed/);
  });

  it('gives such values to the dead letter, and goes on', async () => {
    const dead = join(folder, 'dead.jsonl');
    const args = ['-q', '--stage', `${stages}:parse`, '--dead-letter', dead];
    const { status, text } = await withInput(args, '{"n":1}\nnonsense\n{"n":2}\n');
    expect(text).toBe('{"n":1}\n{"n":2}\n');
    expect(status).toBe(0);
    const letter = JSON.parse(readFileSync(dead, 'utf8'));
    expect(letter).toMatchObject({ stage: 'parse', attempts: 1, error: { name: 'SyntaxError' } });
    expect(Buffer.from(letter.value.base64, 'base64').toString()).toBe('nonsense');
  });

  it('takes sockets in until a signal, and loses nothing of what it took', async () => {
    const to = join(folder, 'out.txt');
    const run = new Sluice(['pipe', 'tcp://127.0.0.1:0', '--stage', `${stages}:text`, '--to', to]);
    await until(() => /listening on tcp:\S+:\d+/.test(run.stderr));
    const port = Number(/listening on tcp:\S+:(\d+)/.exec(run.stderr)![1]);
    const socket = net.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.end('one\ntwo\n');
    await once(socket.resume(), 'close');
    run.child.kill('SIGTERM');
    const { status } = await run.ended;
    expect(status).toBe(0);
    expect(readFileSync(to, 'utf8')).toBe('ONE\nTWO\n');
  });

  it('writes to a log and reads from one', async () => {
    const directory = join(folder, 'log');
    const { status } = await withInput(['-q', '--to', `log:${directory}`, '--durability', 'os'], 'a\nb\nc\n');
    expect(status).toBe(0);
    {
      await using log = await openLog(directory);
      expect(log.end).toBe(3);
    }
    const run = new Sluice(['pipe', `log:${directory}`, '-q', '--stage', `${stages}:text`]);
    const ended = await run.ended;
    expect(ended.stdout.toString()).toBe('A\nB\nC\n');
    expect(ended.status).toBe(0);
  });

  it.each([
    [['pipe', 'pigeon://x'], /SOURCE must be one of/],
    [['pipe', '-', '--stage', 'nothing'], /--stage must be FILE:FUNCTION/],
    [['pipe', '-', '--stage', './none.mjs:parse'], /must name the file of a module/],
    [['pipe', '-', '--stage', `${stages}:none`], /must name a function/],
    [['pipe', '-', '--stage', `${stages}:parse@0`], /1 to 1024 workers/],
    [['pipe', '-', '--capacity', '0'], /--capacity/],
  ])('refuses %j with status 2', async (args, message) => {
    const { status, stderr } = await new Sluice(args).ended;
    expect(stderr).toMatch(message);
    expect(status).toBe(2);
  });
});
