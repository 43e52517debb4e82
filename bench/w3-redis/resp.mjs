// A RESP2 request parser and the commands of W3, for the peers in JavaScript. Everything is Latin-1 text, in which each
// character is one byte: on V8 and JavaScriptCore cutting and joining such strings is cheaper than slicing and filling
// Buffers. All answers to what one read brought are one string, so one write.
//
// Redis serialization protocol, https://redis.io/docs/latest/develop/reference/protocol-spec/.

const STAR = 42;
const DOLLAR = 36;
const store = new Map();

/** A request that is not RESP: the connection ends. */
export class ProtocolError extends Error {}

function execute(args) {
  switch (args[0].toUpperCase()) {
    case 'GET': {
      const value = store.get(args[1]);
      return value === undefined ? '$-1\r\n' : `$${value.length}\r\n${value}\r\n`;
    }
    case 'SET':
      store.set(args[1], args[2]);
      return '+OK\r\n';
    case 'PING':
      return '+PONG\r\n';
    case 'CONFIG':
      return '*0\r\n';
    default:
      return `-ERR unknown command '${args[0]}'\r\n`;
  }
}

/** The requests of one connection, cut anywhere. */
export class RequestStream {
  #rest = '';
  #text = '';
  #position = 0;

  /**
   * @param {string} chunk what came, as Latin-1
   * @returns {string} the answers to all requests that it completes
   */
  answer(chunk) {
    this.#text = this.#rest.length === 0 ? chunk : this.#rest + chunk;
    let answers = '';
    let start = 0;
    this.#position = 0;
    for (let args = this.#request(); args !== undefined; args = this.#request()) {
      answers += execute(args);
      start = this.#position;
    }
    this.#rest = start === this.#text.length ? '' : this.#text.slice(start);
    return answers;
  }

  /** Undefined when the rest of the text is not a whole request. */
  #request() {
    if (this.#position === this.#text.length) return undefined;
    const count = this.#number(STAR);
    if (count === undefined) return undefined;
    const args = [];
    for (let i = 0; i < count; i++) {
      const length = this.#number(DOLLAR);
      if (length === undefined || this.#position + length + 2 > this.#text.length) return undefined;
      args.push(this.#text.slice(this.#position, this.#position + length));
      this.#position += length + 2;
    }
    return args;
  }

  /** A prefix byte, digits, CR LF. */
  #number(prefix) {
    const text = this.#text;
    const start = this.#position;
    if (start < text.length && text.charCodeAt(start) !== prefix) throw new ProtocolError();
    const end = text.indexOf('\n', start);
    if (end === -1) return undefined;
    let value = 0;
    for (let i = start + 1; i < end - 1; i++) value = value * 10 + text.charCodeAt(i) - 48;
    this.#position = end + 1;
    return value;
  }
}
