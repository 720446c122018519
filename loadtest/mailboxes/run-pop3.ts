// POP3 download of a maildrop, one RETR after the other, as most clients do it: from the connection to the answer to QUIT. Filled by SMTP before. The
// server has run for a while, with another account's small maildrop.
import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import type { Figures } from '../results.ts';
import { startSource } from '../source.ts';
import { median } from '../statistics.ts';
import { accountName, type MailTarget, PASSWORD } from './mail-target.ts';
import type { MailboxScenario } from './scenarios.ts';

type Pop3 = Extract<MailboxScenario, { kind: 'pop3' }>;

const SESSIONS = 20;
const AGAIN = 200;
/** Downloads of the small maildrop, and how many messages it has. */
const WARM_UP = 10;
const WARM_UP_MESSAGES = 100;
/** The first, and those of which the median is "again". */
const RUNS = 6;
/** Of the size asked for: a message is a few octets smaller. */
const LEAST = 0.95;

export async function runPop3({ messages, size }: Pop3, target: MailTarget, signal: AbortSignal): Promise<Figures> {
  await fill(target, 1, WARM_UP_MESSAGES, size, signal);
  for (let run = 0; run < WARM_UP; run++) await download(target.pop3, 1, WARM_UP_MESSAGES);
  await fill(target, 0, messages, size, signal);
  const runs = [];
  for (let run = 0; run < RUNS; run++) runs.push(await download(target.pop3, 0, messages));
  const [first, ...others] = runs.map(({ seconds }) => seconds);
  if (runs.some(({ bytes }) => bytes < messages * size * LEAST)) throw new Error(`downloaded ${runs.map(({ bytes }) => bytes).join(', ')} bytes`);
  return { downloadCold: first ?? Number.NaN, downloadWarm: median(others), megabytes: (runs[0]?.bytes ?? 0) / 1024 ** 2 };
}

async function fill(target: MailTarget, account: number, messages: number, size: number, signal: AbortSignal): Promise<void> {
  await startSource({ port: target.port, messages, size, sessions: SESSIONS, recipient: () => accountName(account) }).done;
  while ((await download(target.pop3, account, 0)).listed < messages) await wait(AGAIN, undefined, { signal });
}

/** Logs in, takes the first `messages` and quits; nothing is deleted. */
function download(port: number, account: number, messages: number): Promise<{ readonly seconds: number; readonly bytes: number; readonly listed: number }> {
  const began = performance.now();
  const commands = [`USER ${accountName(account)}`, `PASS ${PASSWORD}`, 'STAT', ...Array.from({ length: messages }, (_, index) => `RETR ${index + 1}`), 'QUIT'];
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  let [bytes, listed, at, head, tail] = [0, 0, -1, '', ''];
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('the POP3 connection was closed')));
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (head.length < 512) head += chunk.toString('latin1', 0, 512);
      tail = (tail + chunk.toString('latin1', Math.max(0, chunk.length - 5))).slice(-5);
      if (!tail.endsWith(commands[at]?.startsWith('RETR') ? '\r\n.\r\n' : '\r\n')) return;
      if (!head.startsWith('+OK')) return reject(new Error(`${commands[at]}: ${head}`));
      if (commands[at] === 'STAT') listed = Number(head.split(' ')[1]);
      if (commands[at] === 'QUIT') {
        resolve({ seconds: (performance.now() - began) / 1000, bytes, listed });
        return socket.destroy();
      }
      [head, tail] = ['', ''];
      socket.write(`${commands[++at]}\r\n`);
    });
  });
}
