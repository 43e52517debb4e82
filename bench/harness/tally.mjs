// What every ingest server written in JavaScript counts, and how it reports: the protocol in bench/README.md.

export class Tally {
  connections = 0;
  frames = 0;
  sum = 0;
  #open = 0;

  /** Tells the harness where the server listens. */
  static listening(port) {
    console.log(`listening ${port}`);
  }

  opened() {
    this.#open++;
  }

  /** Prints the totals since the start whenever the last open connection has ended. */
  closed() {
    this.connections++;
    this.#open--;
    if (this.#open > 0) return;
    const { connections, frames, sum } = this;
    console.log(JSON.stringify({ connections, frames, sum }));
  }
}
