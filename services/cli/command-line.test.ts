// The command line without a server: what is understood, what is refused in one line, and with which exit status.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { verifyPassword } from '#shared/directory/password.ts';
import { freePort } from '#shared/testing/free-port.ts';
import { tempDir } from '#shared/testing/temp-dir.ts';
import { parseCommandLine } from './arguments.ts';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));

async function run(args: readonly string[], input = '', cwd = '.') {
  const child = spawn(process.execPath, [MAIN, ...args], { cwd, stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.end(input);
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [out, err, status] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { out, err, status };
}

test('options stand anywhere; unknown ones are refused', () => {
  expect(parseCommandLine(['queue', '--json', 'list', '--older-than', '4h'])).toMatchObject({
    words: ['queue', 'list'],
    options: { json: true, 'older-than': '4h' },
  });
  expect(() => parseCommandLine(['--colour'])).toThrow(/Unknown option '--colour'/);
});

test('what cannot be understood is one line and status 2', async () => {
  await using directory = await tempDir('cli');
  writeFileSync(join(directory.path, 'c.yaml'), `data_dir: ${directory.path}\n`);
  for (const [args, said] of [
    [['--colour'], "Unknown option '--colour'"],
    [['frobnicate'], 'frobnicate: no such command'],
    [['queue', 'delete'], 'queue delete: say which messages'],
    [['queue', 'hold', 'ID', '--sender', 'a@b'], 'exclude each other'],
    [['trace'], 'trace: expected one'],
    [['dead-letters', 'drop'], 'say which'],
    [['dead-letters', 'list', 'ID'], 'dead-letters list takes no words'],
    [['status', '--url', 'nonsense'], '--url nonsense: expected a URL such as http://127.0.0.1:8081'],
    [['status', '--url', 'localhost:8081'], '--url localhost:8081: expected a URL'],
    [['hash-password', 'secret'], 'hash-password takes no words'],
    [['config', 'check'], 'config: expected check FILE'],
    [['config', 'schema', 'c.yaml'], 'config schema takes no words'],
  ] as const) {
    const { err, out, status } = await run([...args, '--config', join(directory.path, 'c.yaml')].slice(0, args[0] === 'config' ? args.length : undefined));
    expect([err.split('\n').length, out, status], err).toEqual([2, '', 2]);
    expect(err).toContain(said);
  }
});

test('without a token, and without a server, it says where it looked', async () => {
  await using directory = await tempDir('cli');
  const port = await freePort();
  writeFileSync(join(directory.path, 'c.yaml'), `data_dir: ${directory.path}\nadmin: { port: ${port} }\n`);
  const first = await run(['status', '--config', 'c.yaml'], '', directory.path);
  expect([first.status, first.err]).toEqual([
    1,
    expect.stringMatching(/^stafette: the admin token \S+admin-token cannot be read \(ENOENT\): is Stafette running .*\n$/),
  ]);
  writeFileSync(join(directory.path, 'admin-token'), 'x'.repeat(40));
  const second = await run(['status', '--config', 'c.yaml'], '', directory.path);
  expect([second.status, second.err]).toEqual([
    1,
    `stafette: the admin API at http://127.0.0.1:${port} cannot be reached (ECONNREFUSED): is Stafette running?\n`,
  ]);
});

test('config check names each problem in a line, config schema is JSON Schema', async () => {
  await using directory = await tempDir('cli');
  const file = join(directory.path, 'c.yaml');
  writeFileSync(file, 'hostnam: x\nqueue: { hot_limit: big }\n');
  const bad = await run(['config', 'check', file]);
  expect([bad.status, bad.out.trimEnd().split('\n')]).toEqual([
    1,
    [expect.stringContaining(`${file}:1: hostnam`), expect.stringContaining(`${file}:2: queue.hot_limit`)],
  ]);
  writeFileSync(file, 'hostname: mx.example.org\n');
  expect(await run(['config', 'check', file, '--json'])).toMatchObject({
    status: 0,
    out: `${JSON.stringify({ file, problems: [], warnings: [] }, null, 2)}\n`,
  });
  expect(JSON.parse((await run(['config', 'schema'])).out)).toMatchObject({ title: 'Stafette configuration' });
});

test('hash-password prints what the configuration takes, and never the password', async () => {
  const { out, status } = await run(['hash-password'], 'correct horse\n');
  expect(status).toBe(0);
  expect(await verifyPassword('correct horse', out.trim())).toBe(true);
  expect(await run(['hash-password'], '\n')).toMatchObject({ status: 1, err: 'stafette: hash-password: expected a password on standard input\n' });
});
