// What `sluice listen --handler` is tested with: answers in capitals, and does what some lines ask for.
export function onBatch(batch) {
  for (const frame of batch) {
    const text = frame.text();
    if (text === 'throw') throw new Error('a line that I do not like');
    if (text === 'die') process.exit(3);
    if (text === 'die later') return failLater();
    frame.reply(`${text.toUpperCase()}\n`);
  }
}

/** Nobody catches it: the worker dies of it, with the batch in its hands. */
function failLater() {
  setImmediate(() => {
    throw new RangeError('out of bounds, later');
  });
  return new Promise(() => {});
}

export const onConnect = () => console.log('came');
export const onDisconnect = (_, reason) => console.log('went', reason.code);
