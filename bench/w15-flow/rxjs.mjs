// A Subject hands on at once and holds nothing: there is no bound, and the producer can't be told to wait.
import { bufferCount, Subject } from 'rxjs';
import { reportRun } from '../harness/micro-peer.mjs';

const [cell, count] = process.argv.slice(2);

function work(operations) {
  const subject = new Subject();
  let checksum = 0;
  if (cell === 'subscribe')
    subject.subscribe((value) => {
      checksum += value;
    });
  else
    subject.pipe(bufferCount(100)).subscribe((batch) => {
      for (const value of batch) checksum += value;
    });
  for (let i = 0; i < operations; i++) subject.next(i);
  subject.complete();
  return { operations, checksum };
}

await reportRun({ warmUp: () => work(Number(count) / 10), run: () => work(Number(count)) });
