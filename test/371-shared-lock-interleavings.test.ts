// The protocol of permits across threads in every interleaving of small programs, with deaths at every step; and bugs planted
// in it, each of which must be found.
import { describe, expect, it } from 'vitest';
import * as layout from '../dist/sync/shared/lock-memory.js';
import {
  explore,
  type Outcome,
  type Program,
  type Step,
  type Steps,
  type Stepwise,
  stepwiseClass,
} from './support/step-explorer.js';

const source = new URL('../lib/sync/shared/permit-words.ts', import.meta.url);
const full = process.env.SLUICE_STRESS === 'full';
const MAX_RUNS = full ? 20_000_000 : 400_000;

const WAITING = 1 << 30;
const POISONED = 1 << 31;
const { HOT, COLD, SEATS, SEAT_WORDS } = layout;
const [STATE, LEDGER, TAKEN] = [HOT, COLD, COLD + 6];
const [TICKET, PARKED, HELD] = [2, 5, 6];

interface Setting {
  capacity: number;
  poisons?: boolean;
  /** What each thread does, one after the other. */
  threads: { weight: number; times?: number; givesUp?: boolean; recovers?: boolean; tries?: boolean }[];
  deaths?: number;
  mortalFrom?: number;
  plant?: (source: string) => string;
  /** Leaves out the look after parking. */
  sleepsAtOnce?: boolean;
}

/** Threads that use a lock as SharedPermits and the waker do. */
function programOf(setting: Setting): () => Program {
  const { capacity, poisons = true, deaths = 0, mortalFrom = 0, plant } = setting;
  let world: World;
  const PermitWords = stepwiseClass(
    source,
    'PermitWords',
    {
      ...layout,
      SEAT_COUNT: setting.threads.length,
      threadId: () => world.current + 1,
      wakes: { isAlive: (id: number) => world.isAlive(id), wake: (id: number) => world.wake(id) },
      isDead: (words: Int32Array, seat: number) => {
        const owner = words[seat]!;
        return owner !== 0 && !world.isAlive(owner);
      },
    },
    plant,
  );

  class World implements Program {
    readonly words = new Int32Array(SEATS + setting.threads.length * SEAT_WORDS);
    readonly deaths = deaths;
    readonly mortalFrom = mortalFrom;
    current = 0;
    readonly #dead = new Set<number>();
    readonly #woken = setting.threads.map(() => false);
    readonly #inside = setting.threads.map(() => 0);
    readonly #outcomes = setting.threads.map(() => '');
    readonly threads = setting.threads.map((_, i) => () => this.#thread(i));

    constructor() {
      this.words[STATE] = capacity;
      this.words[layout.SEATS_END] = this.words.length;
      setting.threads.forEach((_, i) => {
        this.words[SEATS + i * SEAT_WORDS] = i + 1;
        this.words[SEATS + i * SEAT_WORDS + 1] = i + 1;
      });
    }

    enters(index: number): void {
      this.current = index;
    }
    isAlive(id: number): boolean {
      return !this.#dead.has(id - 1);
    }
    wake(id: number): boolean {
      this.#woken[id - 1] = true;
      return this.isAlive(id);
    }
    died(index: number): void {
      this.#dead.add(index);
      this.#inside[index] = 0;
      this.#woken.fill(true);
    }
    state(): string {
      return `${this.#woken}|${this.#inside}|${this.#outcomes}`;
    }

    *#thread(i: number): Steps {
      const permits: Stepwise = new PermitWords({ words: this.words, capacity }, poisons);
      yield* permits.sit!({ takeSeat: () => SEATS + i * SEAT_WORDS });
      const { times = 1 } = setting.threads[i]!;
      let sweptFor = 0;
      /** Sleeps in the event loop; after a death, the first thing is the sweep. */
      const sleep = function* (this: World): Steps {
        yield { name: 'sleep', sleepsWhile: () => !this.#woken[i] };
        yield {
          name: 'wakes',
          run: () => {
            this.#woken[i] = false;
          },
        };
        if (this.#dead.size === sweptFor) return;
        sweptFor = this.#dead.size;
        yield* permits.sweep!();
      }.bind(this);
      for (let n = 0; n < times; n++) yield* this.#use(i, permits, sleep);
      this.#outcomes[i] += '.';
      for (;;) yield* sleep();
    }

    *#use(i: number, permits: Stepwise, sleep: () => Steps): Steps {
      const { weight, recovers = false, givesUp = false, tries = false } = setting.threads[i]!;
      if (recovers || !(yield* permits.tryTake!(weight))) {
        if (tries || !(yield* this.#wait(permits, weight, recovers, givesUp, sleep))) return;
      }
      yield this.#doing('enters', () => {
        const poisoned = (this.words[STATE]! & POISONED) !== 0;
        if (poisoned && !recovers) throw new Error('a poisoned lock was given to somebody');
        this.#inside[i] = weight;
        const all = this.#inside.reduce((sum, part) => sum + part, 0);
        if (all > capacity) throw new Error('too many are inside');
      });
      yield this.#doing('leaves', () => {
        this.#inside[i] = 0;
        this.#outcomes[i] += 'in';
      });
      if (recovers) yield* permits.clearPoison!();
      if (yield* permits.giveBack!(weight)) yield* permits.serve!();
    }

    *#wait(
      permits: Stepwise,
      weight: number,
      recovers: boolean,
      givesUp: boolean,
      sleep: () => Steps,
    ): Steps<boolean> {
      const ticket = (yield* permits.nextTicket!()) as unknown as number;
      yield* permits.publish!(ticket, weight, recovers);
      yield* permits.serve!();
      for (let turn = 0; ; turn++) {
        if (yield* permits.takeGrant!()) return true;
        const isPoisoned = (yield this.#doing(
          'poisoned?',
          () => (this.words[STATE]! & POISONED) !== 0,
        )) as unknown;
        if ((isPoisoned && !recovers) || (givesUp && turn === 1)) {
          if (!(yield* permits.withdraw!(ticket))) {
            yield* permits.takeGrant!();
            yield* permits.giveBack!(weight);
          }
          yield* permits.serve!();
          return false;
        }
        if (givesUp) continue;
        yield* permits.park!();
        if (!setting.sleepsAtOnce) {
          if (yield* permits.takeGrant!()) {
            yield* permits.unpark!();
            return true;
          }
          const poisonedNow = (yield this.#doing(
            'poisoned?',
            () => (this.words[STATE]! & POISONED) !== 0,
          )) as unknown;
          if (poisonedNow && !recovers) continue;
        }
        yield* sleep();
      }
    }

    #doing(name: string, run: () => unknown): Step {
      return { name, run };
    }

    atEnd(): void {
      const { words } = this;
      const check = (holds: boolean, what: string): void => {
        if (!holds) throw new Error(`${what}: ${words}`);
      };
      setting.threads.forEach((_, i) => {
        if (this.#dead.has(i)) return;
        check(this.#outcomes[i]!.endsWith('.'), `thread ${i} waits for ever`);
        const seat = SEATS + i * SEAT_WORDS;
        check(words[seat + HELD] === 0 && words[seat + TICKET] === 0, `thread ${i} still has something`);
      });
      if (this.#dead.size === setting.threads.length) return; // nobody is left to put anything right
      const server = words[LEDGER]!;
      check(server === 0 || !this.isAlive(server), 'somebody serves for ever');
      check((words[STATE]! & (WAITING - 1)) + words[TAKEN]! === capacity, 'permits are lost');
      check((words[STATE]! & WAITING) === 0, 'it still says that somebody waits');
      for (const dead of this.#dead) {
        const seat = SEATS + dead * SEAT_WORDS;
        check(words[seat] === 0 && words[seat + PARKED] === 0, 'the seat of a dead thread is taken');
      }
    }
  }

  return () => {
    world = new World();
    return world;
  };
}

const run = (setting: Setting): Outcome => explore(programOf(setting), MAX_RUNS);
const one = { weight: 1 };

const settings: [string, Setting][] = [
  ['two threads, one lock', { capacity: 1, threads: [one, one] }],
  ['a waiter that gives up', { capacity: 1, threads: [one, { weight: 1, givesUp: true }] }],
  ['a thread that only tries', { capacity: 1, threads: [one, { weight: 1, tries: true }] }],
  ['readers and a writer', { capacity: 2, threads: [one, { weight: 2 }] }],
  ['two threads, one of which dies', { capacity: 1, threads: [one, one], deaths: 1, mortalFrom: 1 }],
  [
    'two threads, one of which dies with permits',
    { capacity: 1, poisons: false, threads: [one, one], deaths: 1, mortalFrom: 1 },
  ],
  [
    'a dead holder, and one who recovers',
    { capacity: 1, threads: [{ weight: 1, recovers: true }, one], deaths: 1, mortalFrom: 1 },
  ],
];
// Minutes each.
const longSettings: typeof settings = [
  ['two threads, twice', { capacity: 1, threads: [{ weight: 1, times: 2 }, one] }],
  [
    'two threads, both of which may die',
    { capacity: 1, threads: [one, one, { weight: 1, tries: true }], deaths: 2, mortalFrom: 1 },
  ],
];

describe('permits across threads', () => {
  it.each(full ? [...settings, ...longSettings] : settings)(
    'are right in every interleaving: %s',
    { timeout: 3_600_000 },
    (_, setting) => {
      const { failure, exhausted } = run(setting);
      expect(failure).toBeUndefined();
      expect(exhausted).toBe(true);
    },
  );

  const replaced =
    (what: string, by: string) =>
    (text: string): string => {
      expect(text.split(what)).toHaveLength(2);
      return text.replace(what, by);
    };
  const two = { capacity: 1, threads: [one, one] };
  const dying = { ...two, poisons: false, deaths: 1, mortalFrom: 1 };
  const bugs: [string, Setting][] = [
    ['no look between parking and sleeping', { ...two, sleepsAtOnce: true }],
    [
      'no look at DIRTY after serving',
      { ...two, plant: replaced('if (Atomics.load(words, DIRTY) === 0) return;', 'return;') },
    ],
    [
      'too few permits found without the flag',
      { ...two, plant: replaced('if ((state & WAITING) !== 0) return;\n        if', 'return;\n        if') },
    ],
    [
      'permits in the hands of a server that dies',
      { ...dying, plant: replaced('words[TAKEN] = weight;', '') },
    ],
    [
      'permits taken off the seat before they are free',
      {
        ...dying,
        plant: (text: string) =>
          replaced(
            'const before = Atomics.compareExchange(words, STATE, state, state + weight);',
            'words[this.#seat + HELD]! -= weight;\n const before = Atomics.compareExchange(words, STATE, state, state + weight);\n words[this.#seat + HELD]! += weight;',
          )(text),
      },
    ],
    [
      'a grant noted before it is taken',
      {
        ...dying,
        plant: replaced(
          'Atomics.store(words, seat + TICKET, 0);\n    words[seat + HELD]! += words[seat + WEIGHT]!;',
          'words[seat + HELD]! += words[seat + WEIGHT]!;\n    Atomics.store(words, seat + TICKET, 0);',
        ),
      },
    ],
    [
      'a dead server for ever',
      { ...dying, plant: replaced('if (wakes.isAlive(server)) return;', 'return;') },
    ],
  ];

  it.each(bugs)('a planted bug is found: %s', { timeout: 600_000 }, (_, setting) => {
    const { failure } = run(setting);
    expect(failure).toBeDefined();
  });
});
