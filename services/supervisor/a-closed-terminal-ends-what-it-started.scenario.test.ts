// Real terminals (script(1) owns one) that close under `npm start`, and an npm that dies alone: nothing goes on unseen, and SIGHUP by itself reloads.
// The log may be what went with the terminal, or be on a full disk: no end hangs on it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { freePort } from '#shared/testing/free-port.ts';
import { tempDir } from '#shared/testing/temp-dir.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SLOW = { within: 45_000, every: 50 };
/** Nothing is under way, so an end takes a second or two. */
const SOON = { within: 15_000, every: 50 };
const running = (pid: number) => existsSync(`/proc/${pid}`) && !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));

const childrenOf = (pid: number) => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);

interface Started extends AsyncDisposable {
  /** What was spawned: script, or npm. */
  readonly spawned: ChildProcess;
  readonly main: number;
  /** Every process of it. */
  readonly all: readonly number[];
  /** Messages of the log, with why it drained. */
  log(): readonly string[];
}

/** `logFile`: null for the log on the terminal, as the default is. */
async function started(command: (file: string) => readonly [program: string, ...args: string[]], logFile?: string | null): Promise<Started> {
  const home = await tempDir('terminal');
  const [smtp, health, admin] = [await freePort(), await freePort(), await freePort()];
  const file = join(home.path, 'c.yaml');
  const listeners = `ingress: { listeners: [{ port: ${smtp} }] }\nimap: { listeners: [] }\npop3: { listeners: [] }\n`;
  const ports = `health: { port: ${health} }\nadmin: { port: ${admin} }\nredis: { maxmemory: 100MB }\n`;
  const to = logFile === null ? '' : `log: { file: ${logFile ?? join(home.path, 'log')} }\n`;
  writeFileSync(file, `hostname: mx.test\ndata_dir: ${home.path}/data\n${to}${listeners}${ports}`);
  const [program, ...args] = command(file);
  const spawned = spawn(program, args, { cwd: ROOT, stdio: ['pipe', 'ignore', 'ignore'] });
  await eventually(async () => (await fetch(`http://127.0.0.1:${health}/readyz`, { headers: { connection: 'close' } })).ok, SLOW);
  const pidIn = (name: string) => Number(readFileSync(join(home.path, 'data', name), 'utf8'));
  const [main, redis] = [pidIn('lock'), pidIn('redis/redis.pid')];
  const all = [main, redis, ...childrenOf(main)];
  const log = () =>
    readFileSync(join(home.path, 'log'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { msg: string; why?: string })
      .map(({ msg, why }) => (why === undefined ? msg : `${msg}: ${why}`));
  const end = async () => {
    for (const pid of all) if (running(pid)) process.kill(pid, 'SIGKILL');
    spawned.kill('SIGKILL');
    await eventually(() => !all.some(running), SLOW);
    await home.remove();
  };
  return { spawned, main, all, log, [Symbol.asyncDispose]: end };
}

const inTerminal =
  (line: (file: string) => string) =>
  (file: string): [string, ...string[]] => ['script', '-qec', line(file), '/dev/null'];
const NPM = 'npm start --silent -- --config';

/** The kernel hangs the terminal up when its owner is gone. */
async function close({ spawned }: Started): Promise<void> {
  const gone = once(spawned, 'exit');
  spawned.kill('SIGKILL');
  await gone;
}

async function stopped({ all, log }: Started): Promise<string | undefined> {
  await eventually(() => !all.some(running), SLOW);
  expect(log().at(-1)).toBe('stopped');
  return log().find((line) => line.startsWith('draining'));
}

test('a terminal that closes under npm start ends all of it; SIGHUP before that reloads', async () => {
  await using it = await started(inTerminal((file) => `${NPM} ${file}`));
  process.kill(it.main, 'SIGHUP');
  await eventually(() => it.log().includes('configuration reloaded'), SLOW);
  expect(running(it.main)).toBe(true);
  await close(it);
  expect(await stopped(it)).toMatch(/^draining: (terminal closed|npm ended)$/);
});

test('the same without npm', async () => {
  await using it = await started(inTerminal((file) => `exec ${process.execPath} services/main.ts --config ${file}`));
  await close(it);
  expect(await stopped(it)).toBe('draining: terminal closed');
  expect(it.log()).not.toContain('configuration reloaded');
});

test('an npm that a SIGHUP ends does not leave it behind', async () => {
  await using it = await started((file) => ['npm', ...NPM.split(' ').slice(1), file]);
  it.spawned.kill('SIGHUP');
  expect(await stopped(it)).toBe('draining: npm ended');
});

test('a terminal that closes under npm start takes the log with it, and all of it ends', async () => {
  await using it = await started(
    inTerminal((file) => `${NPM} ${file}`),
    null,
  );
  await close(it);
  await eventually(() => !it.all.some(running), SOON);
});

test('a log on a full disk: it serves, and SIGTERM ends it', async () => {
  await using it = await started((file) => [process.execPath, 'services/main.ts', '--config', file], '/dev/full');
  const exited = once(it.spawned, 'exit');
  process.kill(it.main, 'SIGTERM');
  await eventually(() => !it.all.some(running), SOON);
  expect((await exited)[0]).toBe(0);
});

test('nohup keeps what was started without npm when its terminal closes', async () => {
  await using it = await started(inTerminal((file) => `exec nohup sh deploy/local/with-node.sh services/main.ts --config ${file} >/dev/null 2>&1`));
  await close(it);
  await eventually(() => it.log().includes('configuration reloaded'), SLOW);
  process.kill(it.main, 'SIGTERM');
  expect(await stopped(it)).toBe('draining: SIGTERM');
});
