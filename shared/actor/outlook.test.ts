// When an activation looks into its mailbox, and when it need not.
import { describe, expect, test } from 'vitest';
import { Outlook } from './outlook.ts';

function pulled(all: boolean, next = ''): Outlook {
  const outlook = new Outlook();
  outlook.pull(0);
  outlook.pulled(all, next);
  outlook.pullEnded();
  return outlook;
}

describe('a pull is promising', () => {
  test('until one gave all that is due', () => {
    expect(new Outlook().promising).toBe(true);
    expect(pulled(false).promising).toBe(true);
    expect(pulled(true).promising).toBe(false);
  });

  test('not while one is under way', () => {
    const outlook = pulled(false);
    outlook.pull(1);
    expect(outlook.promising).toBe(false);
  });

  test('when the credit of the last pull is spent, even before its reply is here', () => {
    const late = pulled(true);
    late.spent(1);
    expect(late.promising).toBe(true);
    const early = new Outlook();
    early.spent(early.pull(0));
    early.pulled(true, '');
    early.pullEnded();
    expect(early.promising).toBe(true);
  });

  test('not for the credit of an earlier pull', () => {
    const outlook = pulled(true);
    outlook.pull(1);
    outlook.spent(1);
    outlook.pulled(true, '');
    outlook.pullEnded();
    expect(outlook.promising).toBe(false);
  });

  test('when a delayed entry comes due, by the next pull or by what was put off', () => {
    const outlook = pulled(true, '500');
    outlook.tick(499, 1);
    expect(outlook.promising).toBe(false);
    outlook.dueEarlier(300);
    outlook.tick(300, 1);
    expect(outlook.promising).toBe(true);
  });
});

test('with nothing told it looks after 1, 2, 4, 8 and 8 seconds; sooner again when a word may be lost', () => {
  const outlook = pulled(true);
  const pauses = [];
  let at = 0;
  for (let i = 0; i < 5; i++) {
    pauses.push(outlook.lookAt - at);
    at = outlook.lookAt;
    outlook.tick(0, at);
    expect(outlook.promising).toBe(true);
    outlook.pull(at);
    outlook.pulled(true, '');
    outlook.pullEnded();
  }
  expect(pauses).toEqual([1000, 2000, 4000, 8000, 8000]);
  outlook.missed();
  expect(outlook.promising).toBe(true);
  expect(outlook.lookAt - at).toBe(1000);
});
