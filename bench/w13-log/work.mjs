// What every peer of W13 does in a cell, so that all do the same.

/** In flight, records, bytes of a record, durability. */
export const CELLS = {
  'sync-1-128': { inFlight: 1, count: 300, bytes: 128, durability: 'sync' },
  'sync-1-1k': { inFlight: 1, count: 300, bytes: 1024, durability: 'sync' },
  'sync-100-128': { inFlight: 100, count: 40_000, bytes: 128, durability: 'sync' },
  'sync-10k-128': { inFlight: 10_000, count: 200_000, bytes: 128, durability: 'sync' },
  'sync-10k-1k': { inFlight: 10_000, count: 100_000, bytes: 1024, durability: 'sync' },
  'os-128': { inFlight: 10_000, count: 600_000, bytes: 128, durability: 'os' },
  'os-1k': { inFlight: 10_000, count: 300_000, bytes: 1024, durability: 'os' },
  'read-128': { inFlight: 10_000, count: 1_000_000, bytes: 128, durability: 'os' },
  'read-1k': { inFlight: 10_000, count: 250_000, bytes: 1024, durability: 'os' },
};

export const LABELS = {
  'sync-1-128': "'sync', 128 B, 1 in flight",
  'sync-1-1k': "'sync', 1 KiB, 1 in flight",
  'sync-100-128': "'sync', 128 B, 100 in flight",
  'sync-10k-128': "'sync', 128 B, 10,000 in flight",
  'sync-10k-1k': "'sync', 1 KiB, 10,000 in flight",
  'os-128': "'os', 128 B, 10,000 in flight",
  'os-1k': "'os', 1 KiB, 10,000 in flight",
  'read-128': 'Catching up, 128 B',
  'read-1k': 'Catching up, 1 KiB',
};

/** The p-quantiles of latencies in milliseconds. */
export function quantiles(latencies) {
  const sorted = Float64Array.from(latencies).sort();
  const at = (q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
  return { p50Ms: at(0.5), p99Ms: at(0.99), p999Ms: at(0.999) };
}
