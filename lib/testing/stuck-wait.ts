/** One wait that nothing can end any more, as a report shows it. */

/** A channel or lock that is waited for. */
export interface WaitedFor {
  /** The channel, timer or lock itself. */
  readonly what: object;
  /** Where it was made: a stack trace without sluice's own frames. Undefined when that was before the tracking began. */
  readonly createdAt: string | undefined;
}

/** A wait that nothing can end any more. As a string: all of it, on several lines. */
export class StuckWait {
  /** What the program called: `Mutex.lock`. */
  readonly operation: string;
  /** What it waits for: one thing, or several in a select. */
  readonly on: readonly WaitedFor[];
  /** Where it was called: a stack trace without sluice's own frames. */
  readonly waitingAt: string;

  /** @internal */
  constructor(operation: string, on: readonly WaitedFor[], waitingAt: string) {
    this.operation = operation;
    this.on = on;
    this.waitingAt = waitingAt;
  }

  /** The call, where it was made, and what it waits for. */
  toString(): string {
    const made = this.on.map(({ what, createdAt }) => {
      const where = createdAt === undefined ? ' before the tracking began' : `\n${createdAt}`;
      return `    on a ${what.constructor.name} made${where}`;
    });
    return [`  ${this.operation}, waiting`, this.waitingAt, ...made].join('\n');
  }
}
