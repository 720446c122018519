import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { freePort } from '#shared/testing/free-port.ts';
import { tempDir } from '#shared/testing/temp-dir.ts';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));
const SLOW = { within: 30_000, every: 50 };
const running = (pid: number) => existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));

interface Installation {
  readonly home: string;
  readonly smtp: number;
  readonly health: number;
  readonly file: string;
  write(more: string): void;
}

/** A configuration with ports of its own in `home`. */
async function install(home: string): Promise<Installation> {
  const [smtp, health, admin] = [await freePort(), await freePort(), await freePort()];
  const file = join(home, 'c.yaml');
  const write = (more: string) =>
    writeFileSync(
      file,
      `hostname: mx.test
data_dir: ${home}/data
redis: { maxmemory: 100MB }
domains: { example.org: {} }
accounts: [{ address: a@example.org }]
ingress: { listeners: [{ port: ${smtp} }] }
health: { port: ${health} }
admin: { port: ${admin} }
imap: { listeners: [] }
pop3: { listeners: [] }
${more}`,
    );
  write(`log: { file: ${home}/log }\n`);
  return { home, smtp, health, file, write };
}

/** Starts it and waits until it is ready. */
async function start({ file, health }: Installation, ...args: string[]): Promise<ChildProcess> {
  const main = spawn(process.execPath, [MAIN, '--config', file, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
  await eventually(async () => (await fetch(`http://127.0.0.1:${health}/readyz`, { headers: { connection: 'close' } })).ok, SLOW);
  return main;
}

async function end(main: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  const exited = once(main, 'exit') as Promise<[number | null]>;
  main.kill(signal);
  return (await exited)[0];
}

/** Sends one message and resolves with the last reply. */
async function send(port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1').setEncoding('utf8');
  let heard = '';
  socket.on('data', (chunk: string) => (heard += chunk)).on('error', () => {});
  const reply = (code: string) =>
    eventually(() => {
      if (socket.destroyed) throw new Error('closed');
      const last = heard.split('\r\n').findLast((line) => line.startsWith(`${code} `));
      if (last) heard = '';
      return last;
    });
  await reply('220');
  for (const [line, code] of [
    ['HELO client.test', '250'],
    ['MAIL FROM:<s@example.net>', '250'],
    ['RCPT TO:<a@example.org>', '250'],
    ['DATA', '354'],
  ] as const) {
    socket.write(`${line}\r\n`);
    await reply(code);
  }
  socket.write('Subject: hello\r\n\r\nhello\r\n.\r\n');
  const last = await reply('250');
  socket.destroy();
  return last;
}

const logOf = ({ home }: Installation) => readFileSync(join(home, 'log'), 'utf8');
const metricsOf = async ({ health }: Installation) => (await fetch(`http://127.0.0.1:${health}/metrics`, { headers: { connection: 'close' } })).text();
const childrenOf = (pid: number | undefined) => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
const redisOf = ({ home }: Installation) => Number(readFileSync(join(home, 'data/redis/redis.pid'), 'utf8'));

test('all-in-one delivers, restarts its ingress, reloads, and drains on SIGTERM', { timeout: 60_000 }, async () => {
  await using home = await tempDir();
  const place = await install(home.path);
  const main = await start(place);
  expect(await send(place.smtp)).toMatch(/^250 2\.0\.0 Ok: queued as [0-9A-Z]{25}$/);
  await eventually(() => logOf(place).includes('"msg":"delivered"'), SLOW);
  // One health port for both processes: the ingress counted it, this one delivered it.
  await eventually(async () => /stafette_ingress_messages_total\{listener="smtp"\} 1\n/.test(await metricsOf(place)), SLOW);
  expect(await metricsOf(place)).toMatch(/stafette_outcomes_total\{.*kind="delivered".*\} 1\n/);

  const redis = redisOf(place);
  const ingress = childrenOf(main.pid).find((pid) => pid !== redis) as number;
  process.kill(ingress, 'SIGKILL');
  await eventually(() => logOf(place).includes('child process ended; starting it again'), SLOW);
  await eventually(() => send(place.smtp), SLOW);

  place.write(`log: { file: ${home.path}/log }\nnonsense: 1\n`);
  await eventually(() => logOf(place).includes('c.yaml:12: nonsense: unknown key'), SLOW);
  expect(await send(place.smtp)).toContain('queued as');
  place.write(`log: { file: ${home.path}/log }\ndrain_timeout: 20s\n`);
  await eventually(() => logOf(place).includes('configuration reloaded'), SLOW);

  const last = childrenOf(main.pid);
  expect(await end(main, 'SIGTERM')).toBe(0);
  for (const pid of [redis, ...last]) await eventually(() => !running(pid));
});

test('killed by SIGKILL it leaves no role running; the next start adopts its Redis and has its mail', { timeout: 60_000 }, async () => {
  await using home = await tempDir();
  const place = await install(home.path);
  const first = await start(place);
  const redis = redisOf(place);
  const ingress = childrenOf(first.pid).filter((pid) => pid !== redis);
  await send(place.smtp);
  await end(first, 'SIGKILL');
  for (const pid of ingress) await eventually(() => !running(pid), SLOW);
  expect(running(redis)).toBe(true);
  const second = await start(place);
  expect(redisOf(place)).toBe(redis);
  await eventually(() => logOf(place).split('"msg":"delivered"').length === 2, SLOW);
  // A Ctrl-C under npm: the terminal's signal and npm's echo of it are one wish.
  second.kill('SIGINT');
  expect(await end(second, 'SIGINT')).toBe(0);
  await eventually(() => !running(redis));
});

test('--split runs each role in a process of its own, and a signal ends them all', { timeout: 60_000 }, async () => {
  await using home = await tempDir();
  const place = await install(home.path);
  const main = await start(place, '--split');
  const children = childrenOf(main.pid);
  expect(children.length).toBeGreaterThanOrEqual(7);
  await send(place.smtp);
  await eventually(() => logOf(place).includes('"msg":"delivered"'), SLOW);
  expect(await end(main, 'SIGTERM')).toBe(0);
  for (const pid of children) await eventually(() => !running(pid));
});
