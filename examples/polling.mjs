// Active polling: a sensor is read as fast as it goes into a channel of 1000 that drops when it is full. The poller never
// waits for a slow consumer, the memory has a bound, and what was dropped is counted.
import { setImmediate as turn } from 'node:timers/promises';
import { background, channel, withCancel } from 'sluice';

const readings = channel(1000, { overflow: 'drop-newest' });
const shutDown = withCancel(background());

/** Stands for a device: ten bursts of 300 readings. */
function* device() {
  for (let burst = 0; burst < 10; burst++) yield Array.from({ length: 300 }, (_, i) => burst * 300 + i);
}

async function poll(ctx) {
  let polled = 0;
  for (const burst of device()) {
    if (ctx.err !== undefined) break;
    for (const reading of burst) readings.trySend(reading);
    polled += burst.length;
    await turn(); // the next burst comes with the next turn of the event loop
  }
  readings.close();
  return polled;
}

/** Takes 100 a turn, a third of what comes in. */
async function consume() {
  let received = 0;
  for (;;) {
    const some = await readings.recvMany(100);
    if (some.length === 0) return received;
    received += some.length;
    await turn();
  }
}

const [polled, received] = await Promise.all([poll(shutDown), consume()]);
shutDown.cancel();
console.log(`polled ${polled}`);
console.log(`received and dropped are all of them: ${received + readings.dropped === polled}`);
console.log(`some were dropped: ${readings.dropped > 0}`);
