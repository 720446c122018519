// Set-up of every test file: a file that leaves a server, a connection, a child process or a watcher behind fails. Vitest runs each file in
// a process of its own and the hooks of set-up files last, so whatever is open here after the file's own hooks was forgotten.
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll } from 'vitest';

const WATCHED: ReadonlyMap<string, string> = new Map([
  ['TCPServerWrap', 'a listening socket'],
  ['TCPSocketWrap', 'a TCP connection'],
  ['TLSWrap', 'a TLS connection'],
  ['UDPWrap', 'a UDP socket'],
  ['PipeWrap', 'a pipe or Unix socket'],
  ['ProcessWrap', 'a child process'],
  ['FSEventWrap', 'a file watcher'],
  ['StatWatcher', 'a file watcher'],
  ['Timeout', 'a timer'],
  ['Immediate', 'a loop of setImmediate'],
]);

/** Closing takes a turn or two of the event loop, and a peer's FIN a little longer. */
const GRACE = { turns: 100, pause: 10 };

const before = countOpen();

afterAll(async () => {
  for (let turn = 0; turn < GRACE.turns && leaked().length > 0; turn++) await pause(GRACE.pause);
  const left = leaked();
  if (left.length > 0) throw new Error(`Still open when all tests and hooks of this file had ended: ${left.join(', ')}`);
});

function leaked(): readonly string[] {
  const now = countOpen();
  return [...WATCHED].flatMap(([type, name]) => {
    const left = (now.get(type) ?? 0) - (before.get(type) ?? 0);
    return left > 0 ? [`${name} (${left})`] : [];
  });
}

function countOpen(): ReadonlyMap<string, number> {
  const open = Map.groupBy(process.getActiveResourcesInfo(), (type) => type);
  return new Map([...open].map(([type, all]) => [type, all.length]));
}
