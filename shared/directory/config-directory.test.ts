import { describe, expect, test } from 'vitest';
import { type Config, type ConfigInput, schema } from '#shared/config/schema.ts';
import { createDirectory } from './config-directory.ts';
import { hashPassword } from './password.ts';

const INPUT: ConfigInput = {
  hostname: 'mx.example.org',
  domains: {
    'example.org': { aliases: { sales: ['alice@example.org', 'bob@elsewhere.example'], Info: 'alice@example.org', constructor: 'alice@example.org' } },
    'Example.NET': { catch_all: 'alice@example.org' },
    'bücher.example': { aliases: { postmaster: 'bob@example.org' } },
    'loop.example': { catch_all: 'nobody@loop.example' },
  },
  accounts: [{ address: 'Alice@Example.org' }, { address: 'bob@example.org' }, { address: 'a+b@example.org' }, { address: 'jürgen@bücher.example' }],
  routes: {
    'partner.example': { transport: 'smarthost', host: 'exact.example' },
    '.partner.example': { transport: 'smarthost', host: 'below.example' },
    '.deep.partner.example': { transport: 'error' },
    'intern.example': { transport: 'local' },
  },
};

function directory(input: ConfigInput = INPUT) {
  const config = schema.parse(input);
  return createDirectory(() => config);
}

const account = (address: string) => ({ kind: 'account', account: { address } });
const alias = (rule: string, ...targets: string[]) => ({ kind: 'alias', targets, rule });

test.each([
  ['alice@example.org', account('alice@example.org')],
  ['ALICE@EXAMPLE.ORG', account('alice@example.org')],
  ['"alice"@example.org', account('alice@example.org')],
  ['alice+tag@example.org', account('alice@example.org')],
  ['alice+@example.org', account('alice@example.org')],
  ['alice+x+y@example.org', account('alice@example.org')],
  ['a+b@example.org', account('a+b@example.org')],
  ['+alice@example.org', { kind: 'unknown' }],
  ['JÜRGEN@xn--bcher-kva.example', account('jürgen@xn--bcher-kva.example')],
  ['sales@example.org', alias('alias sales@example.org', 'alice@example.org', 'bob@elsewhere.example')],
  ['info+tag@example.org', alias('alias info@example.org', 'alice@example.org')],
  ['constructor@example.org', alias('alias constructor@example.org', 'alice@example.org')],
  ['hasOwnProperty@example.org', { kind: 'unknown' }],
  ['nobody@example.org', { kind: 'unknown' }],
  ['nobody@example.net', alias('catch-all example.net', 'alice@example.org')],
  ['nobody@loop.example', { kind: 'unknown' }],
  ['other@loop.example', alias('catch-all loop.example', 'nobody@loop.example')],
  ['someone@intern.example', { kind: 'unknown' }],
  ['someone@elsewhere.example', { kind: 'foreign' }],
  ['alice@sub.example.org', { kind: 'foreign' }],
  ['alice@__proto__', { kind: 'unknown' }],
  ['not an address', { kind: 'unknown' }],
])('%s', async (address, verdict) => expect(await directory().lookup(address)).toEqual(verdict));

test('a foreign target keeps its local-part as written (RFC 5321 section 2.4); one of ours is canonical', async () => {
  const { lookup } = directory({
    ...INPUT,
    domains: { 'example.org': { aliases: { team: ['Bob.B@Elsewhere.EXAMPLE', 'ALICE@example.ORG', 'X@Intern.example'] }, catch_all: 'All@Elsewhere.example' } },
  });
  expect(await lookup('team@example.org')).toMatchObject({ targets: ['Bob.B@elsewhere.example', 'alice@example.org', 'x@intern.example'] });
  expect(await lookup('other@example.org')).toMatchObject({ targets: ['All@elsewhere.example'] });
});

describe('postmaster is always accepted (RFC 5321 section 4.5.1)', () => {
  test.each([
    'postmaster',
    'PostMaster',
    'postmaster@example.org',
    'POSTMASTER@example.net',
    'postmaster@loop.example',
    'postmaster@mx.example.org',
    'postmaster@intern.example',
  ])('%s', async (address) => {
    expect(await directory().lookup(address)).toEqual(alias('postmaster', 'alice@example.org'));
  });

  test('as the one who was named', async () => {
    const named = directory({ ...INPUT, postmaster: 'Ops@Elsewhere.example' });
    expect(await named.lookup('postmaster@example.org')).toEqual(alias('postmaster', 'Ops@elsewhere.example'));
  });

  test('as an alias of its own domain', async () => {
    expect(await directory().lookup('postmaster@bücher.example')).toEqual(alias('alias postmaster@xn--bcher-kva.example', 'bob@example.org'));
  });

  test('not for somebody else', async () => expect(await directory().lookup('postmaster@elsewhere.example')).toEqual({ kind: 'foreign' }));

  test('and never as an alias of itself', async () => {
    const self = directory({ domains: { 'example.net': { catch_all: 'x@elsewhere.example' } }, postmaster: 'postmaster@example.net' });
    expect(await self.lookup('postmaster@example.net')).toEqual(alias('catch-all example.net', 'x@elsewhere.example'));
  });
});

test.each([
  ['partner.example', 'partner.example'],
  ['PARTNER.example', 'partner.example'],
  ['a.partner.example', '.partner.example'],
  ['a.b.partner.example', '.partner.example'],
  ['a.deep.partner.example', '.deep.partner.example'],
  ['deep.partner.example', '.partner.example'],
  ['otherpartner.example', 'default'],
  ['[192.0.2.1]', 'default'],
])('the route for %s is by rule %s', (domain, rule) => expect(directory().route(domain).rule).toBe(rule));

test('the last route is `*`', () => {
  const routed = directory({ routes: { '*': { transport: 'smarthost', host: 'relay.example' } } });
  expect(routed.route('anything.example')).toMatchObject({ rule: '*', route: { host: 'relay.example' } });
});

test('local domains: listed, or routed to local', () => {
  const { isLocalDomain } = directory();
  expect(['example.org', 'EXAMPLE.net', 'BÜCHER.example', 'xn--bcher-kva.example', 'intern.example'].every(isLocalDomain)).toBe(true);
  expect(['example.com', 'a.example.org', '', 'toString'].some(isLocalDomain)).toBe(false);
});

test('a replaced configuration is in force at once', async () => {
  let config: Config = schema.parse(INPUT);
  const reloaded = createDirectory(() => config);
  expect(await reloaded.lookup('carol@example.org')).toEqual({ kind: 'unknown' });
  config = schema.parse({ ...INPUT, accounts: [{ address: 'carol@example.org' }] });
  expect(await reloaded.lookup('carol@example.org')).toEqual(account('carol@example.org'));
  expect(await reloaded.lookup('alice@example.org')).toEqual({ kind: 'unknown' });
});

test('authentication: the account for its own password alone, and never for one without', async () => {
  const password_hash = await hashPassword('secret');
  const { authenticate } = directory({ ...INPUT, accounts: [{ address: 'alice@example.org', password_hash }, { address: 'bob@example.org' }] });
  expect(await authenticate('ALICE@example.org', 'secret')).toEqual({ address: 'alice@example.org' });
  for (const [user, password] of [
    ['alice@example.org', 'Secret'],
    ['alice@example.org', ''],
    ['bob@example.org', ''],
    ['bob@example.org', 'secret'],
    ['carol@example.org', 'secret'],
    ['', ''],
    ['alice', 'secret'],
  ] as const)
    expect(await authenticate(user, password)).toBeNull();
});
