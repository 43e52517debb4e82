// The channel of three: sends go through while there is room, the fourth waits, and closing loses nothing.
import { channel } from 'sluice';

const letters = channel(3);
for (const letter of ['a', 'b', 'c']) await letters.send(letter); // returns at once
console.log(`buffered ${letters.length} of ${letters.capacity}`);
console.log(`a fourth fits: ${letters.trySend('d')}`);

const waiting = letters.send('d').then(() => console.log('d was sent'));
const first = await letters.recv(); // makes room
await waiting;
console.log(`received ${first.value}`);

letters.close();
for await (const letter of letters) console.log(`received ${letter}`);
console.log(await letters.recv());
