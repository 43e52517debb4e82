// A producer, channel, consumer chain: each stage reads one channel and writes the next, and closes it when it is done. A
// rendezvous channel between two stages means that the slowest sets the pace.
import { channel } from 'sluice';

async function produce(out, upTo) {
  for (let number = 1; number <= upTo; number++) await out.send(number);
  out.close();
}

async function transform(input, out, fn) {
  for await (const value of input) await out.send(fn(value));
  out.close();
}

async function consume(input) {
  let sum = 0;
  for await (const value of input) {
    console.log(value);
    sum += value;
  }
  return sum;
}

const numbers = channel();
const squares = channel(2);
const [, , sum] = await Promise.all([
  produce(numbers, 5),
  transform(numbers, squares, (number) => number * number),
  consume(squares),
]);
console.log(`sum ${sum}`);
