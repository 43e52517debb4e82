// What the harness itself asks a RESP server: whether it is up, and whether it answers rightly before and after it is measured.
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const START_MS = 10_000;
const ANSWER_MS = 5_000;
const RETRY_MS = 20;
// redis-benchmark without -r always uses this key, as it is written.
const BENCHMARK_KEY = 'key:__rand_int__';

const encode = (args) =>
  `*${args.length}\r\n${args.map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`).join('')}`;

/** Sends the requests in one write and resolves to the first `length` bytes of the answers, as Latin-1. */
async function ask(port, requests, length) {
  const socket = connect(port, '127.0.0.1').setEncoding('latin1');
  try {
    await once(socket, 'connect');
    socket.write(requests.map(encode).join(''));
    const signal = AbortSignal.timeout(ANSWER_MS);
    let answers = '';
    while (answers.length < length) answers += (await once(socket, 'data', { signal }))[0];
    return answers;
  } finally {
    socket.destroy();
  }
}

async function expectAnswers(port, requests, expected) {
  const got = await ask(port, requests, expected.length);
  if (got !== expected)
    throw new Error(`void: answered ${JSON.stringify(got)}, not ${JSON.stringify(expected)}`);
}

/** Resolves once the server answers a PING: redis-server has no other sign that it is ready. */
export async function untilReady(port) {
  const deadline = Date.now() + START_MS;
  for (;;) {
    try {
      return await expectAnswers(port, [['PING']], '+PONG\r\n');
    } catch (error) {
      if (error.code !== 'ECONNREFUSED' || Date.now() > deadline) throw error;
      await delay(RETRY_MS);
    }
  }
}

/** Rejects for a server that does not hold what it was given. */
export function checkCommands(port) {
  const value = 'v'.repeat(32);
  const requests = [
    ['PING'],
    ['GET', 'none'],
    ['SET', 'k', value],
    ['GET', 'k'],
    ['SET', 'k', ''],
    ['GET', 'k'],
  ];
  return expectAnswers(port, requests, `+PONG\r\n$-1\r\n+OK\r\n$32\r\n${value}\r\n+OK\r\n$0\r\n\r\n`);
}

/** Rejects unless what redis-benchmark wrote is there, `valueBytes` long. */
export async function checkWritten(port, valueBytes) {
  const head = `$${valueBytes}\r\n`;
  const length = head.length + valueBytes + 2;
  const got = await ask(port, [['GET', BENCHMARK_KEY]], length);
  const right = got.length === length && got.startsWith(head) && got.endsWith('\r\n');
  if (!right) throw new Error(`void: the benchmark's key holds ${JSON.stringify(got)}`);
}
