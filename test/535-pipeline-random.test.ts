// Random pipelines against a model that takes one value after the other: nothing lost, nothing twice, order and acknowledgements as promised.
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import {
  type Acknowledged,
  acknowledgedValues,
  type DeadLetter,
  type PipelineBuilder,
  type PipelineInput,
  pipeline,
} from 'sluice/pipeline';
import { expect, it } from 'vitest';

const RUNS = process.env.SLUICE_STRESS === 'full' ? 10_000 : 300;

interface Part {
  /** The place of the input's value that it comes from. */
  readonly id: number;
  readonly key: number;
  /** Tells parts of one value apart. */
  readonly tag: string;
}

interface StagePlan {
  readonly kind: 'call' | 'filter' | 'split' | 'regroup';
  /** Decides, with the value, what the stage does to it. */
  readonly seed: number;
  readonly concurrency: number;
}

interface Program {
  readonly stages: readonly StagePlan[];
  readonly values: number;
  readonly keys: number;
  readonly ordered: boolean | 'key';
  readonly capacity: number;
  readonly group: number;
  readonly acknowledges: boolean;
  readonly hasDeadLetter: boolean;
  readonly fails: 'never' | 'skips' | 'stops';
  readonly outputSeed: number;
  readonly end: 'none' | 'drain' | 'close';
  readonly endAfter: number;
}

const stagePlan = fc.record({
  kind: fc.constantFrom('call', 'call', 'filter', 'split', 'regroup'),
  seed: fc.nat(1000),
  concurrency: fc.integer({ min: 1, max: 5 }),
});

const programs: fc.Arbitrary<Program> = fc.record({
  stages: fc.array(stagePlan, { maxLength: 4 }),
  values: fc.integer({ min: 0, max: 30 }),
  keys: fc.integer({ min: 1, max: 4 }),
  ordered: fc.constantFrom(true, true, 'key', false),
  capacity: fc.integer({ min: 1, max: 12 }),
  group: fc.integer({ min: 0, max: 5 }),
  acknowledges: fc.boolean(),
  hasDeadLetter: fc.boolean(),
  fails: fc.constantFrom('never', 'skips', 'stops'),
  outputSeed: fc.nat(1000),
  end: fc.constantFrom('none', 'none', 'drain', 'close'),
  endAfter: fc.nat(30),
}) as fc.Arbitrary<Program>;

/** A number that looks random and depends on all of these. */
function mixed(...parts: (number | string)[]): number {
  let hash = 2166136261;
  for (const char of parts.join('/')) hash = Math.imul(hash ^ char.charCodeAt(0), 16777619) >>> 0;
  return (hash ^ (hash >>> 13)) >>> 0;
}

type Fate = 'pass' | 'drop' | 'skip' | 'retry' | 'stop';

function fateOf({ fails }: Program, stage: number, { seed }: StagePlan, { id, tag }: Part): Fate {
  const roll = mixed('fate', stage, seed, id, tag) % 24;
  if (roll < 3) return 'drop';
  if (fails !== 'never' && roll < 6) return 'skip';
  if (fails !== 'never' && roll < 8) return 'retry';
  return fails === 'stops' && roll === 8 ? 'stop' : 'pass';
}

const split = (part: Part): Part[] =>
  ['a', 'b', 'c']
    .slice(0, mixed('split', part.id, part.tag) % 4)
    .map((more) => ({ ...part, tag: part.tag + more }));

interface Expected {
  readonly out: Part[];
  readonly failed: Part[];
  /** The value at which the line stops, if it keeps the order of the input. */
  readonly stopsAt: number;
}

function expectedOf(program: Program, stopsEnd: boolean): Expected {
  const out: Part[] = [];
  const failed: Part[] = [];
  let stopsAt = Infinity;
  const follow = (part: Part, at: number): void => {
    if (stopsEnd && stopsAt < Infinity) return;
    const plan = program.stages[at];
    if (plan === undefined) {
      out.push(part);
      return;
    }
    if (plan.kind === 'regroup') {
      follow(part, at + 1);
      return;
    }
    const fate = fateOf(program, at, plan, part);
    if (fate === 'stop') stopsAt = Math.min(stopsAt, part.id);
    else if (fate === 'skip') failed.push(part);
    else if (fate !== 'drop')
      for (const next of plan.kind === 'split' ? split(part) : [part]) follow(next, at + 1);
  };
  for (let id = 0; id < program.values; id++) follow({ id, key: id % program.keys, tag: '' }, 0);
  return { out, failed, stopsAt };
}

class Fault extends Error {
  constructor(readonly decision: 'skip' | 'retry' | 'stop') {
    super(decision);
  }
}

const name = ({ id, tag }: Part): string => `${id}${tag}`;
const later = async <R>(how: number, then: () => R): Promise<R> => {
  if (how % 2 === 0) await turn();
  else await undefined;
  return then();
};

async function run(program: Program): Promise<void> {
  const { values, keys, ordered, capacity, group, acknowledges, hasDeadLetter, end } = program;
  const written: Part[] = [];
  const letters: Part[] = [];
  const acknowledged: number[] = [];
  let isClosed = false;
  const whole = expectedOf(program, false);
  const parts: Part[] = Array.from({ length: values }, (_, id) => ({ id, key: id % keys, tag: '' }));

  const input: PipelineInput<Part> = acknowledges
    ? {
        async *[acknowledgedValues](): AsyncGenerator<readonly Acknowledged<Part>[]> {
          for (let at = 0; at < values; at += 5)
            yield parts.slice(at, at + 5).map((value) => ({
              value,
              acknowledge() {
                expect(isClosed).toBe(false);
                for (const part of whole.out.filter(({ id }) => id === value.id))
                  expect(written.map(name)).toContain(name(part));
                if (hasDeadLetter)
                  for (const part of whole.failed.filter(({ id }) => id === value.id))
                    expect(letters.map(name)).toContain(name(part));
                acknowledged.push(value.id);
              },
            }));
        },
      }
    : parts;

  const retried = new Set<string>();
  let builder = pipeline<Part>(input, {
    capacity,
    ordered,
    key: ({ key }) => key,
    onError: (error) => (error as Fault).decision,
    ...(hasDeadLetter
      ? {
          deadLetter: (some: DeadLetter[]) =>
            later(some.length, () => void letters.push(...some.map(({ value }) => value as Part))),
        }
      : {}),
  });
  program.stages.forEach((plan, at) => {
    const { kind, concurrency, seed } = plan;
    const body = (part: Part): unknown => {
      const fate = fateOf(program, at, plan, part);
      if (fate === 'skip' || fate === 'stop') throw new Fault(fate);
      const attempt = `${at}/${name(part)}`;
      if (fate === 'retry' && !retried.has(attempt)) {
        retried.add(attempt);
        throw new Fault('retry');
      }
      if (kind === 'filter') return fate !== 'drop';
      if (fate === 'drop') return undefined;
      return kind === 'split' ? split(part) : part;
    };
    const call = (part: Part): unknown => {
      const how = mixed('how', seed, at, part.id, part.tag) % (seed % 3 === 0 ? 1 : 4);
      return how === 0 ? body(part) : later(how, () => body(part));
    };
    if (kind === 'regroup') builder = builder.batch({ count: 1 + (seed % 5) }).flat();
    else if (kind === 'filter') builder = builder.filter(call, { concurrency });
    else {
      const called = builder.transform(call, { concurrency });
      builder = (
        kind === 'split' ? (called as PipelineBuilder<Part[]>).flat() : called
      ) as PipelineBuilder<Part>;
    }
  });
  let writes = 0;
  const output = (some: Part[]): Promise<void> | void => {
    const how = mixed('output', program.outputSeed, writes++) % 5;
    if (how === 0 && program.fails !== 'never') throw new Fault('retry');
    const write = (): void => {
      if (isClosed) return;
      written.push(...some);
      if (written.length >= program.endAfter) finish();
    };
    if (how < 3) write();
    else return later(how, write);
  };
  const last = group === 0 ? builder : (builder.batch({ count: group }) as unknown as PipelineBuilder<Part>);
  const line = last.output(output);
  const finish = (): void => {
    if (end === 'drain') void line.drain().catch(() => {});
    if (end === 'close' && !isClosed) {
      isClosed = true;
      void line.close();
    }
  };
  const ended = await line.done.then(
    (totals) => ({ totals, error: undefined }),
    (error) => ({ totals: undefined, error }),
  );

  // The model, as far as the line went.
  const stops = expectedOf(program, true);
  const taken = line.stats().in;
  const isWhole = ended.error === undefined;
  const wanted = (ordered === true ? stops : whole).out.filter(({ id }) => id < taken).map(name);
  const got = written.map(name);
  expect(new Set(got).size).toBe(got.length);
  if (ordered === true) expect(got).toEqual(isWhole || !isClosed ? wanted : wanted.slice(0, got.length));
  else if (isWhole) expect(got.toSorted()).toEqual(wanted.toSorted());
  else expect(wanted).toEqual(expect.arrayContaining(got));
  if (ordered === 'key')
    for (let key = 0; key < keys; key++) {
      const ofKey = written.filter((part) => part.key === key).map(name);
      const wantedOfKey = whole.out.filter((part) => part.key === key).map(name);
      expect(ofKey).toEqual(wantedOfKey.slice(0, ofKey.length));
    }
  expect(new Set(acknowledged).size).toBe(acknowledged.length);
  if (isWhole) {
    const { filtered, ...totals } = ended.totals!;
    expect(totals.out).toBe(got.length);
    expect(totals.failed).toBe(whole.failed.filter(({ id }) => id < taken).length);
    expect(totals.deadLettered).toBe(hasDeadLetter ? totals.failed : 0);
    if (program.stages.every(({ kind }) => kind !== 'split'))
      expect(totals.in).toBe(totals.out + totals.failed + filtered);
    if (acknowledges)
      expect(acknowledged.toSorted((a, b) => a - b)).toEqual(parts.slice(0, taken).map(({ id }) => id));
  } else expect(acknowledged).not.toContain(whole.stopsAt);
  expect(line.stats().inFlight).toBe(0);
  if (end === 'none' && isWhole) expect(taken).toBe(values);
  if (ordered === true && !isClosed && end === 'none') expect(isWhole).toBe(stops.stopsAt === Infinity);
}

it(`${RUNS} random pipelines keep every promise`, async () => {
  await fc.assert(fc.asyncProperty(programs, run), { numRuns: RUNS });
}, 600_000);
