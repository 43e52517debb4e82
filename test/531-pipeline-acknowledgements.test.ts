// What an input that wants to know hears of its values: each once, behind the output, and nothing of what was given up.
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Acknowledged,
  type AcknowledgedInput,
  acknowledgedValues,
  type DeadLetter,
  type PipelineOptions,
  pipeline,
} from 'sluice/pipeline';
import { describe, expect, it } from 'vitest';
import { until } from './support/clients.js';

/** An input with a script, which keeps what it hears. */
class Scripted implements AcknowledgedInput<number> {
  readonly acknowledged: number[] = [];
  taken = 0;
  left = 0;
  readonly #groups: number[][];
  readonly #staysOpen: boolean;
  onAcknowledge: (value: number) => void = () => {};

  constructor(groups: number[][], { staysOpen = false } = {}) {
    this.#groups = groups;
    this.#staysOpen = staysOpen;
  }

  async *[acknowledgedValues]({
    signal,
  }: {
    signal: AbortSignal;
  }): AsyncGenerator<readonly Acknowledged<number>[]> {
    try {
      for (const group of this.#groups)
        yield group.map((value) => ({
          value,
          source: 'script',
          partition: value % 2,
          position: value * 10,
          key: value % 3,
          acknowledge: () => {
            this.acknowledged.push(value);
            this.onAcknowledge(value);
          },
        }));
      if (this.#staysOpen)
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    } finally {
      this.left++;
    }
  }
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const sorted = (values: number[]): number[] => values.toSorted((a, b) => a - b);

describe('an input that wants acknowledgements', () => {
  it('hears of a value once the output has acknowledged it, and not before', async () => {
    const input = new Scripted([
      [0, 1, 2],
      [3, 4],
    ]);
    const written: number[] = [];
    input.onAcknowledge = (value) => expect(written).toContain(value);
    await pipeline(input, { capacity: 2 })
      .transform(async (n) => n)
      .output(async (values) => {
        await sleep(1);
        expect(input.acknowledged).not.toContain(values[0]);
        written.push(...values);
      }).done;
    expect(input.acknowledged).toEqual(numbers(5));
    expect(input.left).toBe(1);
  });

  it('hears of what was filtered out, taken apart, gathered and dead-lettered, each once', async () => {
    const input = new Scripted([numbers(20), numbers(20).map((n) => n + 20)]);
    const dead: DeadLetter[] = [];
    const line = pipeline(input, { deadLetter: (letters) => void dead.push(...letters) })
      .filter((n) => n % 5 !== 0)
      .parse(async (n) => (n % 7 === 0 ? undefined : n))
      .transform(
        (n) => {
          if (n % 11 === 0) throw new Error('eleven');
          return n % 4 === 0 ? [] : [n, n];
        },
        { name: 'double' },
      )
      .flat()
      .batch({ count: 3 })
      .output(async () => {});
    const totals = await line.done;
    expect(totals.in).toBe(40);
    expect(sorted(input.acknowledged)).toEqual(numbers(40));
    expect(dead.map(({ value }) => value)).toEqual([11, 22, 33]);
    expect(dead[0]).toMatchObject({
      source: 'script',
      partition: 1,
      position: 110,
      stage: 'double',
      attempts: 1,
    });
  });

  it('hears of a value that was taken apart when the last of its parts is over', async () => {
    const input = new Scripted([[0, 1]]);
    const written: string[] = [];
    input.onAcknowledge = (n) => expect(written).toEqual(expect.arrayContaining([`${n}a`, `${n}b`]));
    await pipeline(input, { capacity: 10 })
      .parse((n) => [`${n}a`, `${n}b`])
      .flat()
      .batch({ count: 1 })
      .output(async (parts) => {
        await sleep(1);
        written.push(...parts);
      }).done;
    expect(input.acknowledged).toEqual([0, 1]);
  });

  it('hears of a value in the dead letter when that has acknowledged it', async () => {
    const input = new Scripted([[0]]);
    let isWritten = false;
    input.onAcknowledge = () => expect(isWritten).toBe(true);
    await pipeline(input, {
      deadLetter: async () => {
        await sleep(2);
        isWritten = true;
      },
    })
      .transform(() => {
        throw new Error('no');
      })
      .output(() => {}).done;
    expect(input.acknowledged).toEqual([0]);
  });

  it('hears nothing of the value that stopped the line, nor of those behind it', async () => {
    const input = new Scripted([numbers(10)]);
    const line = pipeline(input)
      .transform(
        async (n) => {
          if (n === 4) throw new Error('four');
          return n;
        },
        { concurrency: 5 },
      )
      .output(async () => {});
    await expect(line.done).rejects.toMatchObject({ stage: 'transform', value: 4 });
    expect(input.acknowledged).toEqual([0, 1, 2, 3]);
    expect(input.left).toBe(1);
  });

  it('hears nothing of a value whose dead letter could not be written, sooner or later', async () => {
    for (const deadLetter of [
      () => {
        throw new Error('full');
      },
      async () => {
        await sleep(1);
        throw new Error('full');
      },
    ]) {
      const input = new Scripted([numbers(4)]);
      const line = pipeline(input, { deadLetter })
        .transform((n) => {
          if (n === 2) throw new Error('two');
          return n;
        })
        .output(() => {});
      await expect(line.done).rejects.toMatchObject({ stage: 'deadLetter', cause: { message: 'full' } });
      expect(input.acknowledged).not.toContain(2);
    }
  });

  it('hears nothing after close, also when the output ends later', async () => {
    const input = new Scripted([numbers(4)], { staysOpen: true });
    let release!: () => void;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const line = pipeline(input).output(() => gate);
    await until(() => line.stats().stages[0]!.running === 4);
    await line.close();
    release();
    await until(() => input.left === 1);
    expect(input.acknowledged).toEqual([]);
  });

  it('is left by a drain, and hears of all that was taken', async () => {
    const input = new Scripted([numbers(3)], { staysOpen: true });
    const line = pipeline(input).output(async () => sleep(2));
    await until(() => line.stats().in === 3);
    expect(await line.drain()).toMatchObject({ in: 3, out: 3 });
    expect(input.acknowledged).toEqual([0, 1, 2]);
    await until(() => input.left === 1);
  });

  it('names keys and partitions whose order is kept', async () => {
    const input = new Scripted([numbers(30)]);
    const got: number[] = [];
    const options: PipelineOptions<number> = { ordered: 'key' };
    await pipeline(input, options)
      .transform(async (n) => sleep(n % 3 === 0 ? 2 : 0, n), { concurrency: 8 })
      .output((values) => void got.push(...values)).done;
    for (const key of [0, 1, 2])
      expect(got.filter((n) => n % 3 === key)).toEqual(numbers(30).filter((n) => n % 3 === key));
  });

  it('that throws when it hears of a value stops the line, and no rejection is left over', async () => {
    const input = new Scripted([numbers(3)]);
    input.onAcknowledge = () => {
      throw new Error('commit');
    };
    const line = pipeline(input).output(async () => {});
    await expect(line.done).rejects.toMatchObject({ stage: 'input', cause: { message: 'commit' } });
  });

  it('that fails is named', async () => {
    const input: AcknowledgedInput<number> = {
      [acknowledgedValues]: () => {
        throw new Error('not open');
      },
    };
    await expect(pipeline(input).output(() => {}).done).rejects.toMatchObject({
      stage: 'input',
      cause: { message: 'not open' },
    });
  });
});
