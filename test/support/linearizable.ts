// Is there an order of the operations of a history, each at one moment between its begin and its end, in which a bounded
// FIFO queue would have answered as recorded? The search of Wing and Gong ("Testing and Verifying Concurrent Objects", 1993),
// with the states that it has failed from remembered, as Lowe proposed.

export interface Operation {
  kind: 'send' | 'recv';
  /** What was sent, or received. */
  value: number | undefined;
  /** False: full, or empty, or another thread was in the middle of a step: says nothing about the queue. */
  done: boolean;
  begin: number;
  end: number;
}

/** Does `operation` to `queue`; undefined when the queue would have answered otherwise. */
function step(
  queue: readonly number[],
  { kind, value, done }: Operation,
  capacity: number,
): readonly number[] | undefined {
  if (!done) return queue;
  if (kind === 'send') return queue.length < capacity ? [...queue, value!] : undefined;
  return queue[0] === value ? queue.slice(1) : undefined;
}

export function isLinearizable(history: readonly Operation[], capacity: number): boolean {
  const operations = history.filter(({ done }) => done).sort((a, b) => a.begin - b.begin);
  const failed = new Set<string>();
  const search = (left: readonly number[], queue: readonly number[]): boolean => {
    if (left.length === 0) return true;
    const key = `${left.join()}|${queue.join()}`;
    if (failed.has(key)) return false;
    // What comes first began before any other had ended.
    const firstEnd = Math.min(...left.map((i) => operations[i]!.end));
    for (const i of left) {
      if (operations[i]!.begin > firstEnd) break;
      const next = step(queue, operations[i]!, capacity);
      if (
        next !== undefined &&
        search(
          left.filter((other) => other !== i),
          next,
        )
      )
        return true;
    }
    failed.add(key);
    return false;
  };
  return search(
    operations.map((_, i) => i),
    [],
  );
}
