// What examples find in place without declaring it, made when an example asks for it. Each method is a name that an example
// may use: `server` in an example is what `stage.server()` resolves with. The runner closes what is opened here.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { background, type Connection, type Context, type Listener, lines, type Peer } from 'sluice';
import { connect, listen } from './docs-sluice.js';

export class Stage {
  readonly #abort = new AbortController();

  /** A listener for lines, to which a client is about to send some. */
  server(): Promise<Listener> {
    return listen('tcp://127.0.0.1:0', { framing: lines() });
  }

  /** A connection to a server that sends back what it gets. */
  peer(): Promise<Peer> {
    return connect('tcp://127.0.0.1:1', { framing: lines() });
  }

  /** That connection, as batches name it. */
  async connection(): Promise<Connection> {
    return (await this.peer()).connection;
  }

  /** A context that nothing ends. */
  async ctx(): Promise<Context> {
    return background();
  }

  /** A directory of its own. */
  async directory(): Promise<string> {
    return mkdtempSync(join(tmpdir(), 'sluice-'));
  }

  /** A signal that does not fire. */
  async signal(): Promise<AbortSignal> {
    return this.#abort.signal;
  }
}
