// Loaded into a process before its own program (node --import): notes each time the event loop did not turn for long, and how much of that the
// main thread worked. On a machine that is busy with others a loop waits without being blocked; work is blocked by nobody else.
import { appendFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

/** Milliseconds. */
const TICK = 5;
const WORTH_NOTING = 20;

/** One of them. `worked`: milliseconds of the main thread's own time. */
export interface Stay {
  readonly stayed: number;
  readonly worked: number;
}

const file = process.env['LOOP_PROBE'];
// The thread of a SQLite database is there to be blocked: `--import` loads this there, too.
if (file !== undefined && isMainThread) {
  const worked = () => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  };
  let last = { at: performance.now(), worked: worked() };
  setInterval(() => {
    const now = { at: performance.now(), worked: worked() };
    const stay: Stay = { stayed: now.at - last.at, worked: now.worked - last.worked };
    last = now;
    if (stay.stayed > WORTH_NOTING) appendFileSync(file, `${JSON.stringify(stay)}\n`);
  }, TICK).unref();
}
