import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { verifyPassword } from '#shared/directory/password.ts';
import { tempDir } from '#shared/testing/temp-dir.ts';
import { demoAccount } from './demo-account.ts';

test('on a terminal the password is shown once, and only its hash is kept', async () => {
  await using home = await tempDir();
  const first = await demoAccount(home.path, true);
  expect(await verifyPassword(first.password ?? '', first.passwordHash)).toBe(true);
  first.remember();
  expect(await demoAccount(home.path, true)).toMatchObject({ passwordHash: first.passwordHash, password: null, file: null });
  expect(statSync(join(home.path, 'demo-account')).mode & 0o777).toBe(0o600);
  expect(readFileSync(join(home.path, 'demo-account'), 'utf8')).not.toContain(first.password);
  expect(existsSync(join(home.path, 'demo-password'))).toBe(false);
});

test('without a terminal it is written to a file of mode 0600', async () => {
  await using home = await tempDir();
  const first = await demoAccount(home.path, false);
  const file = join(home.path, 'demo-password');
  expect(first).toMatchObject({ password: null, file });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(await verifyPassword(readFileSync(file, 'utf8').trim(), first.passwordHash)).toBe(true);
  first.remember();
  expect(await demoAccount(home.path, false)).toMatchObject({ passwordHash: first.passwordHash, file });
});

test('a start cut short before the password was shown makes a new one', async () => {
  await using home = await tempDir();
  const first = await demoAccount(home.path, true);
  const second = await demoAccount(home.path, true);
  expect(second.password).not.toBeNull();
  expect(second.password).not.toBe(first.password);
});
