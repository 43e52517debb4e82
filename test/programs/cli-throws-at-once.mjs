// A handler that can't be loaded.
function connectTo() {
  throw new Error('no such database');
}
connectTo();
export function onBatch() {}
