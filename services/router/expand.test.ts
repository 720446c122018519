// The expansion over the real directory of a configuration: a table of what a mail administrator expects, and what must never happen.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_ALIAS_DEPTH } from '#shared/config/alias-chains.ts';
import { type ConfigInput, schema } from '#shared/config/schema.ts';
import { createDirectory } from '#shared/directory/config-directory.ts';
import type { EnvelopeRecipient } from '#shared/mail/envelope.ts';
import { type MessageHead, RECORD_VERSION } from '#shared/spool/record.ts';
import { type Expanded, expandRecipients, MAX_HOPS, MAX_LOOKUPS, MAX_RESULTS } from './expand.ts';

const ACCOUNTS = ['alice@example.org', 'bob@example.org'].map((address) => ({ address }));

function directory(aliases: Record<string, string | string[]> = {}, more: ConfigInput = {}) {
  const config = schema.parse({ accounts: ACCOUNTS, domains: { 'example.org': { aliases } }, ...more });
  return createDirectory(() => config);
}

function head(recipients: readonly (string | EnvelopeRecipient)[], more: Partial<MessageHead> = {}): MessageHead {
  const envelope = {
    reversePath: 'sender@example.net',
    recipients: recipients.map((each) => (typeof each === 'string' ? { address: each } : each)),
    body: '7bit',
    smtputf8: false,
  } as const;
  return { version: RECORD_VERSION, envelope, origin: { kind: 'smtp', client: '192.0.2.1', helo: 'client' }, size: 1, receivedAt: 0, hops: 0, ...more };
}

/** `of address -> fate`, the shortest way to say what came out. */
function brief({ of, address, fate }: Expanded): string {
  if (fate.kind === 'failed') return `${of} ${address} -> ${fate.status}`;
  return `${of} ${address} -> ${fate.kind === 'route' ? fate.route.transport : fate.kind}`;
}
const run = async (recipients: readonly (string | EnvelopeRecipient)[], aliases?: Record<string, string | string[]>, more?: ConfigInput) =>
  (await expandRecipients(head(recipients), directory(aliases, more))).map(brief);

describe('an address', () => {
  test('of ours is local, another goes the way of its domain', async () => {
    const routes: ConfigInput['routes'] = {
      '.partner.example': { transport: 'smarthost', host: 'gw.partner.example' },
      'closed.example': { transport: 'error' },
      '*': { transport: 'dns' },
    };
    expect(await run(['ALICE@Example.ORG', 'x@example.net', 'x@a.partner.example', 'x@closed.example'], {}, { routes })).toEqual([
      '0 alice@example.org -> local',
      '1 x@example.net -> dns',
      '2 x@a.partner.example -> smarthost',
      '3 x@closed.example -> error',
    ]);
  });

  test('with a sub-address is its account’s, and once only', async () => {
    expect(await run(['alice+news@example.org', 'alice@example.org'])).toEqual(['0 alice@example.org -> local']);
  });

  test('that we no longer know fails', async () => {
    expect(await run(['nobody@example.org'])).toEqual(['0 nobody@example.org -> 5.1.1']);
  });

  test('keeps the case of a foreign local-part, which may matter (RFC 5321 section 2.4)', async () => {
    expect(await run(['Bob@example.net', 'bob@EXAMPLE.net', 'bob@example.net'])).toEqual(['0 Bob@example.net -> dns', '1 bob@EXAMPLE.net -> dns']);
  });

  test('in a domain of U-labels has the route of its A-labels (RFC 5891 section 5)', async () => {
    const [only, ...others] = await expandRecipients(head(['x@bücher.example', 'x@xn--bcher-kva.example']), directory());
    expect([only?.domain, others]).toEqual(['xn--bcher-kva.example', []]);
  });
});

describe('an alias', () => {
  test('is followed to its ends, with the rules that led there', async () => {
    const expanded = await expandRecipients(
      head(['team@example.org']),
      directory({ team: ['alice@example.org', 'outside@example.org', 'gone@example.org'], outside: 'x@example.net' }),
    );
    expect(expanded.map((each) => [brief(each), each.rule])).toEqual([
      ['0 alice@example.org -> local', 'alias team@example.org > account'],
      ['0 gone@example.org -> 5.1.1', 'alias team@example.org > unknown'],
      ['0 x@example.net -> dns', 'alias team@example.org > alias outside@example.org > route *'],
    ]);
  });

  test('that meets itself gives the others, and fails when there are none', async () => {
    const aliases = { a: ['b@example.org', 'alice@example.org'], b: 'a@example.org', self: 'self@example.org', x: 'y@example.org', y: 'x@example.org' };
    expect(await run(['a@example.org', 'b@example.org'], aliases)).toEqual(['0 alice@example.org -> local']);
    expect(await run(['self@example.org', 'x@example.org'], aliases)).toEqual(['0 self@example.org -> 5.4.6', '1 x@example.org -> 5.4.6']);
  });

  test('may be nested to a bound', async () => {
    const nested = (depth: number) =>
      Object.fromEntries(Array.from({ length: depth }, (_, at) => [`a${at}`, at === depth - 1 ? 'bob@example.org' : `a${at + 1}@example.org`]));
    expect(await run(['a0@example.org'], nested(MAX_ALIAS_DEPTH))).toEqual(['0 bob@example.org -> local']);
    expect(await run(['a0@example.org', 'alice@example.org'], nested(MAX_ALIAS_DEPTH + 1))).toEqual([
      '0 a0@example.org -> 5.4.6',
      '1 alice@example.org -> local',
    ]);
  });

  test('may be large to a bound', async () => {
    const list = (size: number) => ({ all: Array.from({ length: size }, (_, at) => `user${at}@example.net`) });
    expect(await run(['all@example.org'], list(MAX_RESULTS))).toHaveLength(MAX_RESULTS);
    expect(await run(['all@example.org', 'alice@example.org'], list(MAX_RESULTS + 1))).toEqual(['0 all@example.org -> 5.2.4', '1 alice@example.org -> local']);
  });

  test('that is too large costs a bounded number of look-ups, however often it is named', async () => {
    const plain = directory({ all: Array.from({ length: MAX_RESULTS + 1 }, (_, at) => `user${at}@example.net`) });
    let lookups = 0;
    const counting = {
      ...plain,
      lookup: (address: string) => {
        lookups++;
        return plain.lookup(address);
      },
    };
    const recipients = Array.from({ length: 200 }, (_, at) => `all+${at}@example.org`);
    const expanded = await expandRecipients(head(recipients), counting);
    expect(expanded.map(({ of, fate }) => [of, fate.kind === 'failed' && fate.status])).toEqual(recipients.map((_, at) => [at, '5.2.4']));
    expect(lookups).toBeLessThanOrEqual(MAX_LOOKUPS + recipients.length);
  });
});

describe('doubles', () => {
  test('are delivered once, with the parameters of the first', async () => {
    const recipients = [
      { address: 'alice@example.org', notify: ['never'] as const },
      { address: 'team@example.org', notify: ['failure'] as const },
    ];
    const expanded = await expandRecipients(head(recipients), directory({ team: ['alice@example.org', 'bob@example.org'] }));
    expect(expanded.map((each) => [brief(each), each.notify])).toEqual([
      ['0 alice@example.org -> local', ['never']],
      ['1 bob@example.org -> local', ['failure']],
    ]);
  });
});

describe('DSN parameters (RFC 3461 section 5.2.7)', () => {
  const all = ['success', 'failure', 'delay'] as const;

  test('go with a single forwarding address as they are; what the sender wrote becomes ORCPT', async () => {
    const [only] = await expandRecipients(head([{ address: 'al@example.org', notify: all }]), directory({ al: 'x@example.net' }));
    expect(only).toMatchObject({ address: 'x@example.net', notify: all, orcpt: 'rfc822;al@example.org' });
  });

  test('keep the sender’s own ORCPT', async () => {
    const [only] = await expandRecipients(head([{ address: 'al@example.org', orcpt: 'rfc822;first@example.com' }]), directory({ al: 'x@example.net' }));
    expect(only).toMatchObject({ orcpt: 'rfc822;first@example.com' });
    expect((await expandRecipients(head(['x@example.net']), directory()))[0]).not.toHaveProperty('orcpt');
  });

  test('tell of success once for a list, and of its members only failures', async () => {
    const aliases = { team: ['alice@example.org', 'x@example.net'] };
    const expanded = await expandRecipients(head([{ address: 'team@example.org', notify: all }]), directory(aliases));
    expect(expanded.map((each) => [brief(each), each.notify])).toEqual([
      ['0 team@example.org -> expanded', all],
      ['0 alice@example.org -> local', ['failure', 'delay']],
      ['0 x@example.net -> dns', ['failure', 'delay']],
    ]);
    const [, member] = await expandRecipients(head([{ address: 'team@example.org', notify: ['success'] }]), directory(aliases));
    expect(member?.notify).toEqual(['never']);
  });
});

describe('a message that goes in a circle', () => {
  test(`ends after ${MAX_HOPS} hops (RFC 5321 section 6.3)`, async () => {
    const at = async (hops: number) => (await expandRecipients(head(['alice@example.org', 'x@example.net'], { hops }), directory())).map(brief);
    expect(await at(MAX_HOPS - 1)).toEqual(['0 alice@example.org -> local', '1 x@example.net -> dns']);
    expect(await at(MAX_HOPS)).toEqual(['0 alice@example.org -> 5.4.6', '1 x@example.net -> 5.4.6']);
  });

  test('ends where it was delivered before', async () => {
    const expanded = await expandRecipients(
      head(['alice+x@example.org', 'bob@example.org', 'alice@example.net'], { deliveredTo: ['Alice@EXAMPLE.org'] }),
      directory(),
    );
    expect(expanded.map(brief)).toEqual(['0 alice@example.org -> 5.4.6', '1 bob@example.org -> local', '2 alice@example.net -> dns']);
  });
});

describe('any directory and any envelope', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'alice', 'bob', 'nobody');
  const target = fc.oneof(
    name.map((local) => `${local}@example.org`),
    fc.constantFrom('x@example.net', 'y@example.net'),
  );
  const aliases = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.array(target, { minLength: 1, maxLength: 5 }));

  test('the expansion ends, names nobody twice, and leaves no recipient without a fate', async () => {
    await fc.assert(
      fc.asyncProperty(aliases, fc.array(target, { minLength: 1, maxLength: 5 }), async (table, recipients) => {
        const known = directory(table);
        const expanded = await expandRecipients(head(recipients), known);
        const ends = expanded.map(({ address }) => address.toLowerCase());
        expect(new Set(ends).size).toBe(ends.length);
        const reached = (each: readonly Expanded[]) => new Set(each.filter(({ fate }) => fate.kind !== 'failed').map(({ address }) => address));
        const alone = await Promise.all(recipients.map((recipient) => expandRecipients(head([recipient]), known)));
        // What each recipient reaches alone, all reach together: nothing is lost to another's doubles.
        expect(reached(expanded)).toEqual(new Set(alone.flatMap((each) => [...reached(each)])));
        expect(alone.every((each) => each.length > 0)).toBe(true);
      }),
    );
  });
});
