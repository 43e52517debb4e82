// What the server does with its frames, in whichever thread: counts lines, and answers those that begin with a question mark.

const QUESTION = '?'.charCodeAt(0);

export class Counter {
  /** Shared by the threads that count. */
  memory;
  #total;

  constructor(memory = new SharedArrayBuffer(8)) {
    this.memory = memory;
    this.#total = new BigInt64Array(memory);
  }

  get frames() {
    return Number(Atomics.load(this.#total, 0));
  }

  take(batch) {
    const { length } = batch;
    let frames = length;
    for (let i = 0; i < length; i++) {
      if (batch.byteAt(i, 0) !== QUESTION) continue;
      batch.reply(i, '!\n');
      frames--;
    }
    Atomics.add(this.#total, 0, BigInt(frames));
  }
}
