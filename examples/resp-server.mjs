// A key-value server that speaks RESP2: redis-cli and redis-benchmark drive it.
//
//   node resp-server.mjs PORT        or an address: tcp://[::1]:6379, unix:///tmp/redis.sock
//
// A batch holds what one turn of the loop read from all clients. Each piece has any number of requests in it, and the last
// one is often cut. Whole requests are served from where they lie; only a cut one is copied and waits, in
// `connection.data`, for the rest. The replies of a batch leave together, in the order of the requests.
import { listen, raw } from 'sluice';
import { answer } from './resp/commands.mjs';
import { ProtocolError, Request } from './resp/request.mjs';

/** `connection.data` of a client that broke the protocol and was told so: what else it sends is not read. */
const REJECTED = Symbol('rejected');

/** For requests that are not cut: one for all connections. */
let wholeRequest = new Request();

/** A cut request: its bytes so far, in memory of its own, and how far it was understood. */
class CutRequest {
  constructor(request, bytes, end) {
    this.request = request;
    this.length = end - request.start;
    this.bytes = Buffer.allocUnsafe(this.length * 2);
    bytes.copy(this.bytes, 0, request.start, end);
    request.move(this.bytes);
  }

  append(bytes, start, end) {
    const length = this.length + end - start;
    if (length > this.bytes.length) {
      const grown = Buffer.allocUnsafe(length * 2);
      this.bytes.copy(grown, 0, 0, this.length);
      this.bytes = grown;
      this.request.move(grown);
    }
    bytes.copy(this.bytes, this.length, start, end);
    this.length = length;
  }
}

/** Serves from `request` on, which may be half understood already; leaves it at the first request that is cut. */
function serve(batch, i, request, bytes, end) {
  while (request.parse(end)) {
    if (request.length > 0) batch.reply(i, answer(request));
    request.reset(bytes, request.position);
  }
}

function receive(batch, i) {
  const connection = batch.connection(i);
  const cut = connection.data;
  if (cut === undefined) {
    const bytes = batch.buffer;
    const end = batch.end(i);
    wholeRequest.reset(bytes, batch.start(i));
    serve(batch, i, wholeRequest, bytes, end);
    if (wholeRequest.start < end) {
      connection.data = new CutRequest(wholeRequest, bytes, end);
      wholeRequest = new Request();
    }
  } else if (cut === REJECTED) {
    connection.destroy();
  } else {
    cut.append(batch.buffer, batch.start(i), batch.end(i));
    const { request, bytes, length } = cut;
    serve(batch, i, request, bytes, length);
    if (request.start === length) connection.data = undefined;
    else if (request.start > 0) connection.data = new CutRequest(request, bytes, length);
  }
}

function reject(connection, error) {
  if (!(error instanceof ProtocolError)) throw error;
  connection.data = REJECTED;
  connection.end(`-ERR Protocol error: ${error.message}\r\n`);
}

const [where = '6379'] = process.argv.slice(2);
const address = where.includes('://') ? where : `tcp://127.0.0.1:${where}`;

const server = await listen(address, {
  framing: raw(),
  recycle: true, // nothing here keeps a view of a batch
  limits: { outputBytes: 256 * 1024 * 1024 }, // replies to what one client sent in one piece
});

server.onBatch((batch) => {
  for (let i = 0; i < batch.length; i++) {
    try {
      receive(batch, i);
    } catch (error) {
      reject(batch.connection(i), error);
    }
  }
});

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => server.drain({ timeout: 2000 }));
console.log(`listening on ${server.url}`);
