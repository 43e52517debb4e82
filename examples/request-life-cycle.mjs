// The life of a request through four layers: handler, service, repository, driver. Each hands the context on. Its deadline ends
// the lowest wait, and everything above comes back with the same reason; values cross the layers the same way.
import { background, Group, Mutex, withCancel, withTimeout, withValue } from 'sluice';

const requestId = Symbol('request id');
const log = (ctx, text) => console.log(`[${ctx.value(requestId)}] ${text}`);

const connection = new Mutex(); // the database has one, and somebody holds it for too long

async function driver(ctx) {
  const held = await connection.lock({ signal: ctx }); // the only line that waits
  try {
    return 'row';
  } finally {
    held.release();
  }
}

async function repository(ctx) {
  try {
    return await driver(ctx);
  } finally {
    log(ctx, 'repository: cleaned up');
  }
}

async function service(ctx) {
  const group = new Group(ctx); // two queries at once; the first failure cancels the other
  const rows = [];
  for (let i = 0; i < 2; i++)
    await group.go(async (task) => {
      rows.push(await repository(task));
    });
  await group.wait();
  return rows;
}

async function handle(server, id, ms) {
  const ctx = withTimeout(withValue(server, requestId, id), ms);
  try {
    log(ctx, `200 ${(await service(ctx)).length} rows`);
  } catch (error) {
    log(ctx, `${error.code === 'ERR_DEADLINE_EXCEEDED' ? 504 : 503} ${error.message}, cause: ${ctx.cause}`);
  } finally {
    ctx.cancel(); // the work is over: nothing of it stays in the server's context
  }
}

const server = withCancel(background());
await handle(server, 'fast', 1000);

const slow = await connection.lock();
await handle(server, 'late', 20);

const unlucky = handle(server, 'unlucky', 60_000);
server.cancel('shut down');
await unlucky;
slow.release();
