// A key-value server that speaks RESP2, the protocol of Redis (redis.io, "Redis serialization protocol"), its data in a Map.
//
//   node examples/resp-server.mjs PORT
//   redis-benchmark -p PORT -t ping,set,get -P 16 -q
//
// The stream is taken raw, and commands are parsed where they lie: nothing is made for a command but what it stores.
import { listen, raw } from 'sluice';

const MAX_ARGUMENTS = 1024 * 1024;
const MAX_BULK_BYTES = 64 * 1024 * 1024;
const CR = 13;
const LF = 10;

/** Key (its bytes as latin1) to the bulk reply that GET gives: `$<length>\r\n<value>\r\n`. */
const data = new Map();

const ok = Buffer.from('+OK\r\n');
const pong = Buffer.from('+PONG\r\n');
const nil = Buffer.from('$-1\r\n');
const empty = Buffer.from('*0\r\n');

class ProtocolError extends Error {}

// One command's arguments, as offsets: the parser fills them, the commands read them.
let starts = new Int32Array(64);
let ends = new Int32Array(64);
let count = 0;

function addArgument(start, end) {
  if (count === starts.length) {
    const grow = (old) => {
      const grown = new Int32Array(old.length * 2);
      grown.set(old);
      return grown;
    };
    starts = grow(starts);
    ends = grow(ends);
  }
  starts[count] = start;
  ends[count++] = end;
}

// Where the last number that was read ends.
let after = 0;

/** The number from `at` to the next CRLF: undefined when that has not arrived. */
function readNumber(bytes, at, end) {
  let value = 0;
  let digits = 0;
  let sign = 1;
  for (let i = at; i < end; i++) {
    const byte = bytes[i];
    if (byte >= 48 && byte <= 57) {
      value = value * 10 + (byte - 48);
      if (++digits > 10) break;
    } else if (byte === 45 && i === at) {
      sign = -1;
    } else if (byte === CR && digits > 0) {
      if (i + 1 >= end) return undefined;
      if (bytes[i + 1] !== LF) break;
      after = i + 2;
      return sign * value;
    } else {
      break;
    }
    if (i + 1 === end) return undefined;
  }
  if (at >= end) return undefined;
  throw new ProtocolError('invalid length');
}

/** Reads one command from `at`; returns where the next begins, or -1 when this one is not all there. */
function readCommand(bytes, at, end) {
  count = 0;
  if (bytes[at] !== 42 /* * */) return readInline(bytes, at, end);
  const total = readNumber(bytes, at + 1, end);
  if (total === undefined) return -1;
  if (total > MAX_ARGUMENTS) throw new ProtocolError('invalid multibulk length');
  let position = after;
  for (let i = 0; i < total; i++) {
    if (position >= end) return -1;
    if (bytes[position] !== 36 /* $ */) throw new ProtocolError("expected '$'");
    const length = readNumber(bytes, position + 1, end);
    if (length === undefined) return -1;
    if (length < 0 || length > MAX_BULK_BYTES) throw new ProtocolError('invalid bulk length');
    const start = after;
    position = start + length + 2;
    if (position > end) return -1;
    if (bytes[position - 2] !== CR) throw new ProtocolError('a bulk string must end with CRLF');
    addArgument(start, start + length);
  }
  return position;
}

/** A line of words: what a person types into a terminal. */
function readInline(bytes, at, end) {
  const newline = bytes.indexOf(LF, at);
  if (newline < 0 || newline >= end) {
    if (end - at > 64 * 1024) throw new ProtocolError('too big inline request');
    return -1;
  }
  const stop = newline > at && bytes[newline - 1] === CR ? newline - 1 : newline;
  for (let i = at; i < stop; i++) {
    if (bytes[i] === 32) continue;
    const start = i;
    while (i < stop && bytes[i] !== 32) i++;
    addArgument(start, i);
  }
  return newline + 1;
}

const text = (bytes, i) => bytes.latin1Slice(starts[i], ends[i]);

/** `$<length>\r\n<bytes>\r\n` of argument `i`. */
function bulk(bytes, i) {
  const length = ends[i] - starts[i];
  const head = `$${length}\r\n`;
  const reply = Buffer.allocUnsafe(head.length + length + 2);
  for (let k = 0; k < head.length; k++) reply[k] = head.charCodeAt(k);
  bytes.copy(reply, head.length, starts[i], ends[i]);
  reply[reply.length - 2] = CR;
  reply[reply.length - 1] = LF;
  return reply;
}

const wrongCount = (name) => `-ERR wrong number of arguments for '${name}' command\r\n`;

function increment(bytes) {
  const key = text(bytes, 1);
  const stored = data.get(key);
  const digits = stored === undefined ? '0' : stored.latin1Slice(stored.indexOf(LF) + 1, stored.length - 2);
  if (!/^-?\d{1,19}$/.test(digits)) return '-ERR value is not an integer or out of range\r\n';
  const value = BigInt(digits) + 1n;
  if (value > 0x7fff_ffff_ffff_ffffn) return '-ERR increment or decrement would overflow\r\n';
  data.set(key, Buffer.from(`$${String(value).length}\r\n${value}\r\n`));
  return `:${value}\r\n`;
}

function setMany(bytes) {
  if (count < 3 || count % 2 === 0) return wrongCount('mset');
  for (let i = 1; i < count; i += 2) data.set(text(bytes, i), bulk(bytes, i + 1));
  return ok;
}

function getMany(bytes) {
  const replies = [Buffer.from(`*${count - 1}\r\n`)];
  for (let i = 1; i < count; i++) replies.push(data.get(text(bytes, i)) ?? nil);
  return Buffer.concat(replies);
}

function countKeys(bytes, action) {
  let keys = 0;
  for (let i = 1; i < count; i++) if (action(text(bytes, i))) keys++;
  return `:${keys}\r\n`;
}

/** The answer to the command that was just read. */
function execute(bytes) {
  const start = starts[0];
  const length = ends[0] - start;
  // The hot ones by their letters, in lower case (| 0x20).
  if (length === 3 && (bytes[start + 1] | 0x20) === 101 && (bytes[start + 2] | 0x20) === 116) {
    const first = bytes[start] | 0x20;
    if (first === 103 && count === 2) return data.get(text(bytes, 1)) ?? nil; // get
    if (first === 115 && count === 3) {
      data.set(text(bytes, 1), bulk(bytes, 2)); // set
      return ok;
    }
  }
  const name = text(bytes, 0).toLowerCase();
  switch (name) {
    case 'ping':
      return count === 1 ? pong : count === 2 ? bulk(bytes, 1) : wrongCount(name);
    case 'echo':
      return count === 2 ? bulk(bytes, 1) : wrongCount(name);
    case 'get':
      return wrongCount(name);
    case 'set':
      return count < 3 ? wrongCount(name) : '-ERR syntax error\r\n';
    case 'del':
      return count > 1 ? countKeys(bytes, (key) => data.delete(key)) : wrongCount(name);
    case 'exists':
      return count > 1 ? countKeys(bytes, (key) => data.has(key)) : wrongCount(name);
    case 'incr':
      return count === 2 ? increment(bytes) : wrongCount(name);
    case 'mset':
      return setMany(bytes);
    case 'mget':
      return count > 1 ? getMany(bytes) : wrongCount(name);
    case 'config':
      return count > 2 && text(bytes, 1).toLowerCase() === 'get'
        ? empty
        : '-ERR only CONFIG GET is known\r\n';
    case 'command':
      return count > 1 && text(bytes, 1).toLowerCase() === 'count' ? ':11\r\n' : empty;
    case 'quit':
      return ok;
    default:
      return `-ERR unknown command '${name.replace(/[\r\n]/g, ' ').slice(0, 128)}'\r\n`;
  }
}

/** Answers every whole command in bytes[at, end); returns where the first unfinished one begins. */
function serve(bytes, at, end, batch, frame) {
  while (at < end) {
    const next = readCommand(bytes, at, end);
    if (next < 0) break;
    if (count > 0) batch.reply(frame, execute(bytes));
    at = next;
  }
  return at;
}

// What a connection sent of a command that is not complete.
const unfinished = new Map();

/** Keeps the rest of a command; it is looked at again when it has doubled, so a large value costs linear time. */
function keep(connection, rest) {
  unfinished.set(connection, {
    pieces: [rest],
    bytes: rest.length,
    tryAt: rest.length < 4096 ? 0 : rest.length * 2,
  });
}

/** A command always ends with a line: only then can the one that is waited for be complete. */
const endsLine = (bytes, end) => bytes[end - 1] === LF;

function serveFrame(batch, i, bytes) {
  const start = batch.start(i);
  const end = batch.end(i);
  const connection = unfinished.size === 0 ? undefined : batch.connection(i);
  const before = connection === undefined ? undefined : unfinished.get(connection);
  if (before === undefined) {
    const at = serve(bytes, start, end, batch, i);
    if (at < end) keep(batch.connection(i), Buffer.from(bytes.subarray(at, end)));
    return;
  }
  before.pieces.push(Buffer.from(bytes.subarray(start, end)));
  before.bytes += end - start;
  if (before.bytes < before.tryAt && !endsLine(bytes, end)) return;
  const joined = Buffer.concat(before.pieces);
  const at = serve(joined, 0, joined.length, batch, i);
  if (at === joined.length) unfinished.delete(connection);
  else keep(connection, joined.subarray(at));
}

const port = Number(process.argv[2] ?? 6379);
const server = await listen(`tcp://127.0.0.1:${port}`, { framing: raw(), recycle: true });
server.onDisconnect((connection) => unfinished.delete(connection));
server.onBatch((batch) => {
  const bytes = batch.buffer;
  for (let i = 0; i < batch.length; i++) {
    try {
      serveFrame(batch, i, bytes);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      batch.reply(i, `-ERR Protocol error: ${error.message}\r\n`);
      unfinished.delete(batch.connection(i));
      batch.connection(i).end();
    }
  }
});
console.log(`listening on ${server.address.address}:${server.address.port}`);

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => server.drain({ timeout: 1000 }));
