// Median, minimum and maximum: with five noisy rounds anything finer would pretend.

/** @typedef {{ median: number, min: number, max: number, samples: number[] }} Summary */

/**
 * @param {number[]} samples at least one
 * @returns {Summary}
 */
export function summarise(samples) {
  const sorted = samples.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { median, min: sorted[0], max: sorted[sorted.length - 1], samples };
}
