// The module that the tests of dispatch run.
import { setTimeout as sleep } from 'node:timers/promises';
import { threadId, workerData } from 'node:worker_threads';

export function echo(batch) {
  for (let i = 0; i < batch.length; i++) batch.reply(i, `${batch.text(i)}\n`);
}

/** Answers with the thread that handled it, after so many ms of work. */
export function who(batch) {
  for (const frame of batch) {
    for (const until = performance.now() + 0.2; performance.now() < until; );
    frame.reply(`${threadId} ${frame.text()}\n`);
  }
}

export async function echoLater(batch) {
  for (const frame of batch) {
    await sleep(1);
    frame.reply(`${frame.text()}\n`);
  }
}

export function lengths(batch) {
  for (let i = 0; i < batch.length; i++) {
    const bytes = batch.bytes(i);
    let sum = 0;
    for (const byte of bytes) sum = (sum + byte) % 65_536;
    batch.reply(i, `${bytes.length} ${sum}\n`);
  }
}

export function bigAnswers(batch) {
  for (const frame of batch) frame.reply(`${'x'.repeat(Number(frame.text()))}\n`);
}

export function opened(connection) {
  connection.write(`hello ${connection.remote.family} ${connection.remote.port}\n`);
}

/** Counts in shared memory the connections that their peers have ended. */
export function closed(_connection, reason) {
  if (reason.code === 'PEER_ENDED') Atomics.add(new Int32Array(workerData), 0, 1);
}

/** Counts in shared memory the connections that have ended in any way. */
export function closedAnyhow() {
  Atomics.add(new Int32Array(workerData), 0, 1);
}

/** Dies of an error that no caller can catch, with the batch in its hands. */
export function throwsLater(batch) {
  const text = batch.text(0);
  setImmediate(() => {
    throw new Error(`later: ${text}`);
  });
  return new Promise(() => {});
}

export function fails(batch) {
  batch.reply(0, `${batch.text(0)}\n`);
  throw new RangeError(`handler: ${batch.text(0)}`);
}

export function dies(batch) {
  for (const frame of batch) {
    if (frame.text() === 'die') process.exit(1);
    frame.reply(`${frame.text()}\n`);
  }
}

export function closes(batch) {
  for (const frame of batch) {
    if (frame.text() === 'bye') frame.connection.end('ended\n');
    else if (frame.text() === 'gone') frame.connection.destroy();
    else frame.reply(`${frame.text()}\n`);
  }
}

export function slow(batch) {
  for (const frame of batch) {
    for (const until = performance.now() + 5; performance.now() < until; );
    frame.reply(`${frame.text()}\n`);
  }
}

/** Answers with the codes of what a connection in a lane refuses. */
export async function refused(batch) {
  const connection = batch.connection(0);
  const codeOf = async (work) => {
    try {
      await work();
      return 'none';
    } catch (error) {
      return error.code;
    }
  };
  const codes = [
    await codeOf(() => connection.queuedBytes),
    await codeOf(() => connection.drained()),
    await codeOf(() => {
      connection.data = 1;
    }),
  ];
  batch.reply(0, `${codes.join(' ')}\n`);
}

/** Is never done with its batch. */
export const never = () => new Promise(() => {});
