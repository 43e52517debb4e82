// A child process that talks in messages. It ends with its parent, or when told to.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { StepError } from '../run.mjs';

export class Child {
  #process;
  #handlers = new Map();
  /** Rejects when the process ends. */
  lost;

  constructor(name, ...args) {
    this.#process = fork(fileURLToPath(new URL(`${name}.mjs`, import.meta.url)), args);
    this.#process.on('message', (message) => {
      for (const [key, handle] of this.#handlers) if (key in message) handle(message[key], message);
    });
    this.lost = new Promise((_, reject) => {
      this.#process.once('exit', (status, signal) =>
        reject(new StepError(`the ${name} process ended with ${signal ?? `status ${status}`}`)),
      );
    });
    this.lost.catch(() => {});
  }

  /** Calls `handle` with each message's `key`. */
  on(key, handle) {
    this.#handlers.set(key, handle);
  }

  /** The next message that has `key`. */
  next(key) {
    return new Promise((resolve) => this.on(key, (_, whole) => resolve(whole)));
  }

  send(message) {
    this.#process.send(message);
  }

  /** Sends anything, and gives the answer. */
  ask(key) {
    const answer = this.next(key);
    this.send({});
    return answer;
  }

  end() {
    if (this.#process.connected) this.#process.disconnect();
  }
}
