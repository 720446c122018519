import { expect, test } from 'vitest';
import { createLogger } from '#shared/telemetry/log.ts';
import { Authenticator } from './authenticator.ts';

function authenticator(failures: number, authenticate: (user: string, password: string) => Promise<{ address: string } | null>) {
  const lines: string[] = [];
  const checks = new Authenticator({
    directory: { authenticate },
    clock: { now: () => 0, monotonic: () => 0 },
    log: createLogger('info', { write: (line: string) => void lines.push(line) }),
    limits: () => ({ auth_failure_delay: 1, auth_failures_per_client: failures }),
  });
  const check = (user: string, password: string, client: string | null) => checks.check({ user, password }, client, new AbortController().signal);
  return { check, lines };
}

const onlyAlice = async (user: string, password: string) => (user === 'alice@a.example' && password === 'right' ? { address: user } : null);

test('guessing is throttled by client for any account, and for one account from anywhere only after ten times as much', async () => {
  const { check } = authenticator(2, onlyAlice);
  expect(await check('alice@a.example', 'right', '192.0.2.1')).toEqual({ kind: 'authenticated', account: { address: 'alice@a.example' } });
  for (const account of ['bob@a.example', 'carol@a.example']) expect(await check(account, 'wrong', '192.0.2.1')).toEqual({ kind: 'refused' });
  expect(await check('dave@a.example', 'wrong', '192.0.2.1')).toEqual({ kind: 'throttled' });
  for (let i = 0; i < 19; i++) expect(await check('ALICE@a.example', 'wrong', `198.51.100.${i}`)).toEqual({ kind: 'refused' });
  expect((await check('alice@a.example', 'right', '192.0.2.2')).kind).toBe('authenticated');
  expect(await check('alice@a.example', 'wrong', '192.0.2.3')).toEqual({ kind: 'refused' });
  expect(await check('alice@a.example', 'right', '192.0.2.4')).toEqual({ kind: 'throttled' });
});

test('many guesses at once are not checked at once, and no more of them than the limit', async () => {
  let [now, most, checked] = [0, 0, 0];
  const { check } = authenticator(4, async () => {
    checked++;
    most = Math.max(most, ++now);
    await new Promise((resolve) => setImmediate(resolve));
    now--;
    return null;
  });
  const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => check(`u${i}@a.example`, 'guess', '192.0.2.1')));
  expect(most).toBe(2);
  expect(checked).toBeLessThanOrEqual(5);
  expect(answers.filter(({ kind }) => kind === 'throttled').length).toBe(40 - checked);
});

test('behind a proxy only accounts are counted', async () => {
  const { check } = authenticator(1, onlyAlice);
  expect(await check('bob@a.example', 'wrong', null)).toEqual({ kind: 'refused' });
  expect((await check('alice@a.example', 'right', null)).kind).toBe('authenticated');
});

test('a directory that is away counts against nobody, and is logged without the password', async () => {
  const { check, lines } = authenticator(1, () => Promise.reject(new Error('the database is away')));
  expect(await check('alice@a.example', 'secret!', '192.0.2.1')).toEqual({ kind: 'unavailable' });
  expect(await check('alice@a.example', 'secret!', '192.0.2.1')).toEqual({ kind: 'unavailable' });
  expect(lines.join()).toContain('the database is away');
  expect(lines.join()).not.toContain('secret!');
});
