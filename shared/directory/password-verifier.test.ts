import { expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { createPasswordVerifier } from './password-verifier.ts';

function counted(capacity = 10) {
  const clock = { now: 0, monotonic: () => clock.now };
  const checked: string[] = [];
  const verify = async (password: string, stored: string | undefined) => {
    checked.push(password);
    return stored === `hash of ${password}`;
  };
  return { clock, checked, verifier: createPasswordVerifier({ clock, verify, life: 1_000, capacity }) };
}

test('a password that was right is known again until its time is over; a wrong one is checked each time', async () => {
  const { clock, checked, verifier } = counted();
  for (const password of ['right', 'right', 'wrong', 'wrong', 'right']) expect(await verifier.verify(password, 'hash of right')).toBe(password === 'right');
  expect(checked).toEqual(['right', 'wrong', 'wrong']);
  clock.now = 1_000;
  await verifier.verify('right', 'hash of right');
  expect(checked).toHaveLength(4);
});

test('another hash, or none, is another question', async () => {
  const { checked, verifier } = counted();
  await verifier.verify('right', 'hash of right');
  expect(await verifier.verify('right', 'hash of other')).toBe(false);
  expect(await verifier.verify('right', undefined)).toBe(false);
  expect(checked).toHaveLength(3);
});

test('what is kept is bounded', async () => {
  const { checked, verifier } = counted(2);
  for (const password of ['a', 'b', 'c', 'a']) await verifier.verify(password, `hash of ${password}`);
  expect(checked).toEqual(['a', 'b', 'c', 'a']);
});

test('two are checked at a time, the others in turn, also after a failure', async () => {
  let running = 0;
  const ends: ((value: boolean) => void)[] = [];
  const verifier = createPasswordVerifier({
    clock: { monotonic: () => 0 },
    verify: async (password) => {
      running++;
      await new Promise((resolve) => ends.push(resolve));
      running--;
      if (password === '1') throw new Error('scrypt failed');
      return true;
    },
  });
  const all = ['0', '1', '2', '3', '4'].map((password) => verifier.verify(password, 'hash').catch(() => 'failed'));
  for (let n = 0; n < 5; n++) {
    await eventually(() => ends.length > n && running > 0);
    expect(running).toBeLessThanOrEqual(2);
    ends[n]?.(true);
  }
  expect(await Promise.all(all)).toEqual([true, 'failed', true, true, true]);
});
