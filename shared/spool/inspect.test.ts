// Which messages a filter of the operator means. What is deleted by it is gone for every recipient, so it must mean none too many.
import { expect, test } from 'vitest';
import { matches, type StoredMessage } from './inspect.ts';
import type { QueueId } from './queue-id.ts';
import type { Recipient } from './record.ts';

const recipient = (number: number, of: number, address: string, state: Recipient['state']): Recipient => ({
  number,
  of,
  address,
  state,
  transport: 'dns',
  domain: address.split('@')[1] as string,
  rule: '',
  mailbox: '',
  attempts: 1,
});

const message = (recipients: readonly Recipient[], expanded = true): StoredMessage => ({
  id: '0'.repeat(25) as QueueId,
  head: {
    version: 1,
    envelope: {
      reversePath: 'a@sender.test',
      recipients: [{ address: 'team@list.test' }, { address: 'bob@gone.test' }],
      body: '7bit',
      smtputf8: false,
    },
    origin: { kind: 'smtp', client: '::1', helo: 'x' },
    size: 1,
    receivedAt: 0,
    hops: 0,
  },
  tier: 'hot',
  held: false,
  expanded,
  recipients,
});

test('who has the message already is not among its recipients any more, nor is the alias behind which nobody is left', () => {
  const waiting = message([recipient(0, 0, 'carl@x.test', 'done'), recipient(1, 0, 'dora@y.test', 'queued'), recipient(2, 1, 'bob@gone.test', 'done')]);
  const means = (filter: Parameters<typeof matches>[1]) => matches(waiting, filter);
  expect(['dora@y.test', 'team@list.test'].map((address) => means({ recipient: address }))).toEqual([true, true]);
  expect(['carl@x.test', 'bob@gone.test'].map((address) => means({ recipient: address }))).toEqual([false, false]);
  expect(['y.test', 'list.test', 'x.test', 'gone.test'].map((domain) => means({ domain }))).toEqual([true, true, false, false]);
});

test('before it is routed all of the envelope are its recipients', () => {
  const incoming = message([], false);
  expect(['list.test', 'gone.test', 'x.test'].map((domain) => matches(incoming, { domain }))).toEqual([true, true, false]);
});
