// What SEARCH, SORT and THREAD need of the mail store on every database, as tests.
import { expect, test } from 'vitest';
import { newQueueId } from '#shared/spool/queue-id.ts';
import { eventually } from '#shared/testing/eventually.ts';
import type { MailboxStore } from './mailbox-store.ts';
import type { Mailstore } from './mailstore.ts';
import type { SearchCriterion } from './search-criteria.ts';
import { appended, messagesOf, octets, RECEIVED, someone } from './testing/messages.ts';
import { ALL_UIDS } from './uid-set.ts';

export interface SearchUnderTest {
  store(): Mailstore;
  /** Whether the full-text index has caught up. */
  indexed(): Promise<boolean>;
}

/** Registers the tests. */
export function searchConformance({ store, indexed }: SearchUnderTest): void {
  test('search finds by columns, fields and text, the same before and after the text is indexed', async () => {
    const { account, inbox, address } = await someone(store(), 'search');
    await store().deliver(
      octets({ subject: '=?utf-8?q?M=C3=BCnchen?= trip', header: 'Date: Mon, 7 Feb 1994 21:52:25 -0800\r\nX-Tag: a.b(c\r\n', body: 'Grüße aus dem Süden' }),
      0,
      [
        {
          queueId: newQueueId(0, RECEIVED),
          recipient: 0,
          account: address,
          mailbox: 'INBOX',
          ownHeader: 'Delivered-To: <me@own.example>\r\n',
          receivedAt: RECEIVED,
        },
      ],
    );
    await appended(
      account,
      'INBOX',
      [{ subject: 'other', header: 'Cc: carol@example.org\r\nReceived: from mx.example\r\n', body: 'wrapped\r\nline "quoted" \'x\' \\ end' }],
      ['\\Seen', 'tag'],
    );
    await appended(account, 'INBOX', [{ subject: 'third' }]);
    const cases: readonly (readonly [SearchCriterion, readonly number[]])[] = [
      [{ kind: 'all' }, [1, 2, 3]],
      [{ kind: 'not', of: { kind: 'flag', flag: '\\seen' } }, [1, 3]],
      [{ kind: 'flag', flag: 'TAG' }, [2]],
      [
        {
          kind: 'and',
          of: [
            { kind: 'uids', uids: [[2, 9]] },
            { kind: 'not', of: { kind: 'uids', uids: [[3, 3]] } },
          ],
        },
        [2],
      ],
      [
        {
          kind: 'or',
          of: [
            { kind: 'header', field: 'CC', text: 'CAROL' },
            { kind: 'header', field: 'subject', text: 'münCHEN T' },
          ],
        },
        [1, 2],
      ],
      [{ kind: 'header', field: 'x-tag', text: 'A.B(C' }, [1]],
      [{ kind: 'header', field: 'x-tag', text: 'a.bc' }, []],
      [{ kind: 'header', field: 'x-ta', text: '' }, []],
      [{ kind: 'header', field: 'Cc', text: '' }, [2]],
      [{ kind: 'header', field: 'received', text: '' }, [2]],
      [{ kind: 'header', field: 'Received', text: 'MX.example' }, [2]],
      [{ kind: 'header', field: 'delivered-to', text: 'me@OWN' }, [1]],
      [{ kind: 'sent', from: 8803, to: 8803 }, [1]],
      [{ kind: 'sent', from: Math.floor(RECEIVED / 86_400_000) }, [2, 3]],
      [{ kind: 'received', from: RECEIVED, to: RECEIVED + 1 }, [1, 2, 3]],
      [{ kind: 'received', to: RECEIVED }, []],
      [{ kind: 'size', above: 150 }, [1, 2]],
      [{ kind: 'body', text: 'RÜSSE AUS' }, []],
      [{ kind: 'body', text: 'rüße aus' }, [1]],
      [{ kind: 'body', text: 'ped line' }, [2]],
      [{ kind: 'body', text: '"quoted" \'x\' \\' }, [2]],
      [{ kind: 'body', text: 'ßE' }, [1]],
      [{ kind: 'body', text: 'trip' }, []],
      [{ kind: 'text', text: 'TRIP' }, [1]],
      [{ kind: 'not', of: { kind: 'text', text: 'own.example' } }, [2, 3]],
      [{ kind: 'text', text: 'bob' }, [1, 2, 3]],
      [{ kind: 'modseq', from: 3 }, [2, 3]],
      [{ kind: 'threadid', id: 'none' }, []],
    ];
    const ask = async () => await Promise.all(cases.map(async ([criterion]) => [criterion, [...(await inbox.search(criterion)).uids]]));
    expect(await ask()).toEqual(cases);
    expect((await inbox.search({ kind: 'flag', flag: 'tag' })).highestmodseq).toBe(3);
    await eventually(indexed, { within: 10_000, every: 100 });
    expect(await ask()).toEqual(cases);
    const [first] = await messagesOf(inbox);
    expect([...(await inbox.search({ kind: 'emailid', id: first?.emailId ?? '' })).uids]).toEqual([1]);
    await inbox.expunge(ALL_UIDS, 'all');
    expect([...(await inbox.search({ kind: 'text', text: 'bob' })).uids]).toEqual([]);
  });

  test('messages are sorted by any key, and told apart for threading', async () => {
    const { account, inbox } = await someone(store(), 'sort');
    const header = (day: number, more = '') => `Date: Mon, ${day} Feb 2021 00:00:00 +0000\r\nMessage-ID: <${day}@x>\r\n${more}`;
    await appended(account, 'INBOX', [
      { subject: 'b', header: header(3) },
      { subject: 'Re: a', header: header(1, 'References: <3@x> <2@x>\r\n'), body: 'longer text' },
      { subject: 'B', header: header(2) },
    ]);
    const sorted = async (...order: Parameters<MailboxStore['sort']>[1]) => [...(await inbox.sort({ kind: 'all' }, order)).uids];
    expect(await sorted({ key: 'date', reverse: false })).toEqual([2, 3, 1]);
    expect(await sorted({ key: 'subject', reverse: false })).toEqual([2, 1, 3]);
    expect(await sorted({ key: 'subject', reverse: true }, { key: 'date', reverse: true })).toEqual([1, 3, 2]);
    expect(await sorted({ key: 'size', reverse: true })).toEqual([2, 1, 3]);
    expect(await inbox.threadRows({ kind: 'uids', uids: [[2, 2]] })).toEqual([
      { uid: 2, sentAt: Date.UTC(2021, 1, 1), messageId: '1@x', references: ['3@x', '2@x'], subject: expect.stringMatching(/^a$/i), isReply: true },
    ]);
  });

  test('many ranges and many conditions cost about as much as they are long', async () => {
    const { account, inbox } = await someone(store(), 'large');
    await appended(
      account,
      'INBOX',
      Array.from({ length: 300 }, () => ({})),
    );
    const odd = Array.from({ length: 100_000 }, (_, index) => [2 * index + 1, 2 * index + 1] as const);
    const text: SearchCriterion = { kind: 'text', text: 'bob' };
    const { uids } = await inbox.search({ kind: 'and', of: [{ kind: 'uids', uids: odd }, text] });
    expect([...uids]).toEqual(Array.from({ length: 150 }, (_, index) => 2 * index + 1));
    const subject: SearchCriterion = { kind: 'header', field: 'subject', text: 'hello' };
    const many = Array.from({ length: 1500 }, () => subject);
    expect((await inbox.search({ kind: 'and', of: many })).uids).toHaveLength(300);
    expect((await inbox.search({ kind: 'not', of: { kind: 'or', of: many } })).uids).toHaveLength(0);
  });
}
