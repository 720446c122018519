import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { findProgram } from '#shared/testing/process.ts';
import { tempDir } from '#shared/testing/temp-dir.ts';
import { lockDataDir } from './data-dir.ts';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));

/** Runs main.ts to its end. */
async function run(args: readonly string[], environment: NodeJS.ProcessEnv = process.env) {
  const child = spawn(process.execPath, [MAIN, ...args], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  const text = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text.out += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (text.err += chunk));
  const [status] = (await once(child, 'close')) as [number];
  return { status, ...text };
}

/** Writes a configuration with free ports and its data in `home`, and runs it. */
function runWith(home: string, yaml: string, environment?: NodeJS.ProcessEnv) {
  const file = join(home, 'c.yaml');
  writeFileSync(file, `data_dir: ${join(home, 'data')}\nhealth: { port: 0 }\nadmin: { port: 0 }\nimap: { listeners: [] }\npop3: { listeners: [] }\n${yaml}`);
  return run(['--config', file], environment);
}

const oneLine = (line: string) => ({ status: 1, err: `stafette: ${line}\n` });

test('--help', { timeout: 30_000 }, async () =>
  expect(await run(['--help'])).toMatchObject({ status: 0, err: '', out: expect.stringContaining('--split[=COPIES]') }),
);

describe('what an operator can mend is one clear line and exit status 1', () => {
  test('an unknown option', { timeout: 30_000 }, async () => expect((await run(['--nonsense'])).err).toMatch(/^stafette: Unknown option '--nonsense'/));

  test('a wrong configuration', { timeout: 30_000 }, async () => {
    await using home = await tempDir();
    expect(await runWith(home.path, 'hostnam: x')).toMatchObject(oneLine(`${home.path}/c.yaml:6: hostnam: unknown key; did you mean hostname?`));
  });

  test('a log file that cannot be opened', { timeout: 30_000 }, async () => {
    await using home = await tempDir();
    const { status, err } = await runWith(home.path, `log: { file: ${home.path}/no/log }`);
    expect({ status, err }).toEqual(oneLine(`${home.path}/c.yaml:6: log.file: ${home.path}/no cannot be written: it does not exist`));
  });

  test('a data_dir that cannot be made', { timeout: 30_000 }, async () => {
    await using home = await tempDir();
    writeFileSync(join(home.path, 'data'), '');
    const { status, err } = await runWith(home.path, '');
    expect([status, err]).toEqual([1, expect.stringMatching(/^stafette: data_dir .*\/data cannot be written: .*\n$/)]);
  });

  test('a data_dir in use', { timeout: 30_000 }, async () => {
    await using home = await tempDir();
    const data = join(home.path, 'data');
    mkdirSync(data);
    const release = lockDataDir(data);
    expect(await runWith(home.path, '')).toMatchObject(
      oneLine(`data_dir ${data} is in use by another Stafette (process ${process.pid}): stop it, or change data_dir`),
    );
    release();
  });

  test('no redis-server', { timeout: 30_000 }, async () => {
    await using home = await tempDir();
    symlinkSync(findProgram('flock') as string, join(home.path, 'flock'));
    expect(await runWith(home.path, '', { ...process.env, PATH: home.path })).toMatchObject(
      oneLine('redis-server (7.0 or later) or valkey-server is missing: install it with the package manager of this system'),
    );
  });

  test('a certificate that is none', { timeout: 30_000 }, async () => {
    await using home = await tempDir();
    for (const name of ['cert', 'key']) {
      writeFileSync(join(home.path, name), 'x');
      chmodSync(join(home.path, name), 0o600);
    }
    const { status, err } = await runWith(
      home.path,
      `ingress: { tls: { certificate: ${home.path}/cert, key: ${home.path}/key } }\nredis: { url: redis://127.0.0.1:1 }`,
    );
    expect([status, err]).toEqual([1, expect.stringMatching(/^stafette: ingress\.tls\.certificate .*\/cert cannot be used: .*\n$/)]);
  });

  test('an SMTP port in use', { timeout: 30_000 }, async () => {
    await using home = await tempDir();
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    expect(await runWith(home.path, `ingress: { listeners: [{ port: ${port} }] }`)).toMatchObject(
      oneLine(`port ${port} on 127.0.0.1 is in use (ingress.listeners[0].port): stop what listens there, or change ingress.listeners[0].port`),
    );
    holder.close();
  });
});
