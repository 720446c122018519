// Whom the demo account lets in: users of the built-in configuration, whose listeners are on loopback, and nobody else.
import { expect, test } from 'vitest';
import { builtinConfig, DEMO_ACCOUNT } from '#shared/config/builtin.ts';
import { createLogger } from '#shared/telemetry/log.ts';
import { tempDir } from '#shared/testing/temp-dir.ts';
import { prepare } from './prepare.ts';

test.each([
  { builtin: true, password: 'a password' },
  { builtin: false, password: 'none' },
])('started with builtin: $builtin, the demo account has $password', async ({ builtin }) => {
  await using home = await tempDir();
  const base = builtinConfig();
  const config = { ...base, data_dir: home.path, redis: { ...base.redis, url: 'redis://127.0.0.1:1' } };
  await using cleanup = new AsyncDisposableStack();
  const given = { config, builtin, exclusive: false, certificate: false, terminal: false, log: createLogger('silent'), signal: new AbortController().signal };
  const { demo, inForce } = await prepare({ ...given, now: Date.now(), cleanup });
  const account = inForce(config).accounts.find(({ address }) => address === DEMO_ACCOUNT);
  expect([demo !== null, account?.password_hash !== undefined]).toEqual([builtin, builtin]);
});
