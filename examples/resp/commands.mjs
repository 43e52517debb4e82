// The commands of the RESP server, and the data that they work on.
import { hashOf } from './request.mjs';

const OK = '+OK\r\n';
const NIL = '$-1\r\n';
const INTEGER_MIN = -(2n ** 63n);
const INTEGER_MAX = 2n ** 63n - 1n;
/** How much of a client's text an error quotes. */
const QUOTED = 128;

/** Keys are Latin-1 text, a character for each byte. A value is the bulk string that GET answers with. */
const values = new Map();

const settings = { appendonly: 'no', databases: '1', maxmemory: '0', save: '' };

/** Something is wrong with a request; the client reads the message, and its connection goes on. */
class CommandError extends Error {}

// `run` returns the reply. A positive arity is the number of arguments, the name included; a negative one the least number.
// `keys` says where the keys are, as COMMAND tells it: the first, the last (-1: to the end), the step between them.
const commands = [
  {
    name: 'ping',
    summary: 'Answers PONG, or its argument',
    group: 'connection',
    arity: -1,
    flags: ['fast'],
    keys: [0, 0, 0],
    run(request) {
      if (request.length > 2) throw wrongNumber('ping');
      return request.length === 1 ? '+PONG\r\n' : request.bulk(1);
    },
  },
  {
    name: 'echo',
    summary: 'Answers its argument',
    group: 'connection',
    arity: 2,
    flags: ['fast'],
    keys: [0, 0, 0],
    run: (request) => request.bulk(1),
  },
  {
    name: 'get',
    summary: 'Answers the value of a key',
    group: 'string',
    arity: 2,
    flags: ['readonly', 'fast'],
    keys: [1, 1, 1],
    run: (request) => values.get(request.text(1)) ?? NIL,
  },
  {
    name: 'set',
    summary: 'Sets the value of a key',
    group: 'string',
    arity: -3,
    flags: ['write'],
    keys: [1, 1, 1],
    run(request) {
      if (request.length > 3) throw new CommandError('syntax error'); // no options such as EX and NX
      setValue(request, 1, 2);
      return OK;
    },
  },
  {
    name: 'mget',
    summary: 'Answers the values of several keys',
    group: 'string',
    arity: -2,
    flags: ['readonly', 'fast'],
    keys: [1, -1, 1],
    run(request) {
      const reply = [Buffer.from(`*${request.length - 1}\r\n`)];
      for (let i = 1; i < request.length; i++) reply.push(values.get(request.text(i)) ?? Buffer.from(NIL));
      return Buffer.concat(reply);
    },
  },
  {
    name: 'mset',
    summary: 'Sets the values of several keys',
    group: 'string',
    arity: -3,
    flags: ['write'],
    keys: [1, -1, 2],
    run(request) {
      if (request.length % 2 === 0) throw wrongNumber('mset');
      for (let i = 1; i < request.length; i += 2) setValue(request, i, i + 1);
      return OK;
    },
  },
  {
    name: 'incr',
    summary: 'Adds one to the integer value of a key',
    group: 'string',
    arity: 2,
    flags: ['write', 'fast'],
    keys: [1, 1, 1],
    run: (request) => increment(request.text(1)),
  },
  {
    name: 'del',
    summary: 'Deletes keys and answers how many there were',
    group: 'generic',
    arity: -2,
    flags: ['write'],
    keys: [1, -1, 1],
    run: (request) => countKeys(request, (key) => values.delete(key)),
  },
  {
    name: 'exists',
    summary: 'Answers how many of the keys there are',
    group: 'generic',
    arity: -2,
    flags: ['readonly', 'fast'],
    keys: [1, -1, 1],
    run: (request) => countKeys(request, (key) => values.has(key)),
  },
  {
    name: 'config',
    summary: 'CONFIG GET answers settings by name, or all for *',
    group: 'server',
    arity: -2,
    flags: ['admin'],
    keys: [0, 0, 0],
    run: configGet,
  },
  {
    name: 'command',
    summary: 'Describes the commands',
    group: 'server',
    arity: -1,
    flags: [],
    keys: [0, 0, 0],
    run: describeCommands,
  },
].map((command) => ({ ...command, word: command.name.toUpperCase() }));

const commandsByHash = new Map(commands.map((command) => [hashOf(command.word), command]));

/** The reply to a request: text in ASCII, or bytes that are good until the next call. */
export function answer(request) {
  try {
    return execute(request);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return Buffer.from(`-ERR ${error.message.replaceAll(/[\r\n]/g, ' ')}\r\n`, 'latin1');
  }
}

function execute(request) {
  const command = commandsByHash.get(request.hash(0));
  if (command === undefined || !request.is(0, command.word)) throw unknownCommand(request);
  const { arity } = command;
  if (arity > 0 ? request.length !== arity : request.length < -arity) throw wrongNumber(command.name);
  return command.run(request);
}

/** A value of the same length is overwritten where it lies: replies are copied, so nobody else looks at it. */
function setValue(request, keyAt, valueAt) {
  const key = request.text(keyAt);
  const length = request.bulkLength(valueAt);
  let bulk = values.get(key);
  if (bulk?.length !== length) {
    bulk = Buffer.allocUnsafe(length);
    values.set(key, bulk);
  }
  request.copyBulk(valueAt, bulk);
}

function increment(key) {
  const bulk = values.get(key);
  const text = bulk === undefined ? '0' : bulk.latin1Slice(bulk.indexOf('\n') + 1, bulk.length - 2);
  const value = /^-?\d{1,19}$/.test(text) ? BigInt(text) : undefined;
  if (String(value) !== text || value < INTEGER_MIN || value > INTEGER_MAX) {
    throw new CommandError('value is not an integer or out of range');
  }
  if (value === INTEGER_MAX) throw new CommandError('increment or decrement would overflow');
  const next = value + 1n;
  values.set(key, Buffer.from(encode(String(next))));
  return `:${next}\r\n`;
}

function countKeys(request, test) {
  let found = 0;
  for (let i = 1; i < request.length; i++) if (test(request.text(i))) found++;
  return `:${found}\r\n`;
}

function configGet(request) {
  if (!request.is(1, 'GET')) throw unknownSubcommand(request);
  if (request.length < 3) throw wrongNumber('config|get');
  const wanted = namesFrom(request, 2);
  const names = Object.keys(settings).filter((name) => wanted.has(name) || wanted.has('*'));
  return encode(names.flatMap((name) => [name, settings[name]]));
}

function describeCommands(request) {
  if (request.length === 1) return encode(commands.map(describe));
  if (request.is(1, 'COUNT')) return encode(commands.length);
  if (!request.is(1, 'DOCS')) throw unknownSubcommand(request);
  const wanted = namesFrom(request, 2);
  const described = commands.filter(({ name }) => wanted.size === 0 || wanted.has(name));
  return encode(
    described.flatMap(({ name, summary, group }) => [name, ['summary', summary, 'group', group]]),
  );
}

function describe({ name, arity, flags, keys }) {
  return [name, arity, flags, ...keys];
}

function namesFrom(request, first) {
  const names = new Set();
  for (let i = first; i < request.length; i++) names.add(request.text(i).toLowerCase());
  return names;
}

/** RESP for text, numbers and lists of them. */
function encode(value) {
  if (Array.isArray(value)) return `*${value.length}\r\n${value.map(encode).join('')}`;
  return typeof value === 'number' ? `:${value}\r\n` : `$${value.length}\r\n${value}\r\n`;
}

function wrongNumber(name) {
  return new CommandError(`wrong number of arguments for '${name}' command`);
}

function unknownSubcommand(request) {
  return new CommandError(`unknown subcommand '${request.text(1).slice(0, QUOTED)}'`);
}

function unknownCommand(request) {
  let beginning = '';
  for (let i = 1; i < request.length && beginning.length < QUOTED; i++) {
    beginning += `'${request.text(i).slice(0, QUOTED)}' `;
  }
  const name = request.text(0).slice(0, QUOTED);
  return new CommandError(`unknown command '${name}', with args beginning with: ${beginning}`);
}
