// POP3 download of a maildrop, one RETR after the other, as most clients do it: from the connection to the answer to QUIT. Filled by SMTP before.
import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import type { Figures } from '../results.ts';
import { startSource } from '../source.ts';
import { accountName, type MailTarget, PASSWORD } from './mail-target.ts';
import type { MailboxScenario } from './scenarios.ts';

type Pop3 = Extract<MailboxScenario, { kind: 'pop3' }>;

const SESSIONS = 20;
const AGAIN = 200;
/** Of the size asked for: a message is a few octets smaller. */
const LEAST = 0.95;

export async function runPop3({ messages, size }: Pop3, target: MailTarget, signal: AbortSignal): Promise<Figures> {
  const source = startSource({ port: target.port, messages, size, sessions: SESSIONS, recipient: () => accountName(0) });
  await source.done;
  while ((await download(target.pop3, 0)).listed < messages) await wait(AGAIN, undefined, { signal });
  const runs = [];
  for (let run = 0; run < 3; run++) runs.push(await download(target.pop3, messages));
  const [first, ...others] = runs.map(({ seconds }) => seconds);
  if (runs.some(({ bytes }) => bytes < messages * size * LEAST)) throw new Error(`downloaded ${runs.map(({ bytes }) => bytes).join(', ')} bytes`);
  return { downloadCold: first ?? Number.NaN, downloadWarm: Math.min(...others), megabytes: (runs[0]?.bytes ?? 0) / 1024 ** 2 };
}

/** Logs in, takes the first `messages` and quits; nothing is deleted. */
function download(port: number, messages: number): Promise<{ readonly seconds: number; readonly bytes: number; readonly listed: number }> {
  const began = performance.now();
  const commands = [`USER ${accountName(0)}`, `PASS ${PASSWORD}`, 'STAT', ...Array.from({ length: messages }, (_, index) => `RETR ${index + 1}`), 'QUIT'];
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
