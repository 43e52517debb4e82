// A client that asks one question at a time, beside the load, and notes how long each answer took.
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, lines } from '../../dist/index.js';

const PAUSE_MS = 5;

export class Probe {
  #peer;
  #stopped = false;
  #running;
  #times = [];

  static async open(url) {
    return new Probe(await connect(url, { framing: lines() }));
  }

  constructor(peer) {
    this.#peer = peer;
  }

  start() {
    this.#running = this.#run();
    this.#running.catch(() => {}); // stop() has it
  }

  async #run() {
    let asked = this.#ask();
    for await (const _ of this.#peer) {
      this.#times.push(performance.now() - asked);
      if (this.#stopped) return;
      await sleep(PAUSE_MS);
      asked = this.#ask();
    }
  }

  #ask() {
    this.#peer.write('?\n');
    return performance.now();
  }

  /** Waits for the last answer. Round trips in ms: { count, p50, p99 }. */
  async stop() {
    this.#stopped = true;
    await this.#running;
    await this.#peer.close();
    const sorted = this.#times.sort((a, b) => a - b);
    const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
    return { count: sorted.length, p50: at(0.5), p99: at(0.99) };
  }
}
