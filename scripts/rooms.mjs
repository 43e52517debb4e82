// The rooms of lib/ and what each stands on: docs/architecture.md, "Who may know whom". Read by .dependency-cruiser.mjs, which
// holds it, and by scripts/draw-imports.mjs, which draws it.

/**
 * From the bottom up; each room with those right below it. A room may import these and what they stand on in turn, and errors.ts
 * and validate.ts, which stand below all.
 */
export const rooms = {
  waiting: [],
  platform: [],
  memory: ['waiting', 'platform'],
  channel: ['waiting', 'memory'],
  context: ['waiting', 'memory'],
  sync: ['waiting', 'memory', 'context'],
  net: ['waiting', 'channel', 'platform'],
  pool: ['waiting', 'memory', 'channel'],
  lanes: ['net', 'pool'],
  testing: ['waiting', 'net'],
  flow: ['channel', 'net'],
  merge: ['flow', 'pool'],
  pipeline: ['flow', 'pool'],
  log: ['net', 'platform', 'pipeline'],
  bus: ['log', 'pipeline'],
  source: ['bus', 'net'],
  failover: ['net', 'log'],
  cli: ['lanes', 'context', 'sync', 'flow', 'merge', 'pipeline', 'log', 'bus', 'source', 'failover'],
};

/** All that `room` stands on. */
export function below(room) {
  const found = new Set();
  const visit = (name) => {
    for (const next of rooms[name]) {
      if (found.has(next)) continue;
      found.add(next);
      visit(next);
    }
  };
  visit(room);
  return found;
}
