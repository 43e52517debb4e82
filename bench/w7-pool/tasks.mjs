// The handlers of W7.
export const noop = () => 1;
export const firstByte = (bytes) => bytes[0];
export function spin() {
  for (const end = performance.now() + 0.01; performance.now() < end; );
  return 1;
}
