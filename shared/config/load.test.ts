import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { MAX_ALIAS_DEPTH } from './alias-chains.ts';
import { builtinConfig } from './builtin.ts';
import { check } from './check.ts';
import { ConfigError, loadConfig, parseConfig } from './load.ts';
import { schema } from './schema.ts';

const folder = mkdtempSync(join(tmpdir(), 'stafette-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

function linesOf(run: () => unknown): readonly string[] {
  try {
    run();
  } catch (error) {
    if (error instanceof ConfigError) return error.lines;
    throw error;
  }
  return [];
}

/** Aliases n0, n1 and so on, one to the other and the last to another domain, a line each. */
const chain = (length: number) => Array.from({ length }, (_, at) => `      n${at}: ${at === length - 1 ? 'x@x.org' : `n${at + 1}@b.org`}\n`).join('');

const errors = (text: string, environment = {}) => linesOf(() => parseConfig(text, 'c.yaml', environment));

describe('each wrong key is one line: place, key path, value, what was expected', () => {
  const cases: readonly (readonly [name: string, yaml: string, ...lines: string[]])[] = [
    ['a size', 'ingress:\n  limits:\n    message_size: fifty', 'c.yaml:3: ingress.limits.message_size is "fifty": expected a size such as 512KB or 50MB'],
    ['a duration', 'drain_timeout: 5 weeks', 'c.yaml:1: drain_timeout is "5 weeks": expected a duration such as 500ms, 30s, 5m, 4h or 5d'],
    ['a duration beyond all timers', 'drain_timeout: 30d', 'c.yaml:1: drain_timeout is "30d": expected at most 24d'],
    ['a duration beyond all', 'trace: { keep: 9999999d }', 'c.yaml:1: trace.keep is "9999999d": expected at most 3650d'],
    ['a size beyond all', 'queue: { max_bytes: 99999TB }', 'c.yaml:1: queue.max_bytes is "99999TB": expected at most 1000TB'],
    ['a size of nothing', 'ingress: { limits: { message_size: 0 } }', 'c.yaml:1: ingress.limits.message_size is 0: expected at least 1B'],
    ['a timeout of nothing', 'delivery: { command_timeout: 0 }', 'c.yaml:1: delivery.command_timeout is 0: expected at least 1ms'],
    ['tries without a pause', 'delivery: { retry: [5m, 0s] }', 'c.yaml:1: delivery.retry[1] is "0s": expected at least 1ms'],
    ['a negative duration', 'drain_timeout: -5s', 'c.yaml:1: drain_timeout is "-5s": expected a duration such as 500ms, 30s, 5m, 4h or 5d'],
    ['a tab', 'ingress:\n\tlisteners: []', 'c.yaml:2: is not valid YAML: Tabs are not allowed as indentation'],
    ['behind a byte order mark', '\uFEFFhostnam: x', 'c.yaml:1: hostnam: unknown key; did you mean hostname?'],
    ['two documents', 'hostname: a\n---\nhostname: b', 'c.yaml:2: has another document after `---`: expected one'],
    ['endless nesting', `a: ${'['.repeat(5000)}`, 'c.yaml:1: is not valid YAML: it is nested too deep'],
    [
      'a smarthost that is no host',
      "routes: { '*': { transport: smarthost, host: a b } }",
      'c.yaml:1: routes."*".host is "a b": expected a host name such as mail.example.org, or an IP address',
    ],
    [
      'a name for clients with a line end',
      'clients: { hostname: "a\\r\\nb" }',
      'c.yaml:1: clients.hostname is "a\\r\\nb": expected a host name such as mail.example.org, or an IP address',
    ],
    [
      'a reply of two lines',
      'routes: { x.org: { transport: error, text: "a\\r\\nb" } }',
      'c.yaml:1: routes."x.org".text is "a\\r\\nb": expected one line of 1 to 400 characters of ASCII',
    ],
    ['a port of no service', 'clients: { ports: { smtp: 25 } }', 'c.yaml:1: clients.ports.smtp: unknown key; did you mean imap?'],
    ['an empty path', 'data_dir: ""', 'c.yaml:1: data_dir is "": expected at least 1 character'],
    [
      'a Redis port that is none',
      'redis: { url: "redis://a:99999" }',
      'c.yaml:1: redis.url is "redis://a:99999": expected redis://HOST:PORT, rediss://HOST:PORT or the absolute path of a Unix socket',
    ],
    ['too small', 'ingress: { limits: { recipients: 5 } }', 'c.yaml:1: ingress.limits.recipients is 5: expected at least 100'],
    ['too big', 'queue:\n  memory_watermark: 2', 'c.yaml:2: queue.memory_watermark is 2: expected at most 0.95'],
    ['not whole', 'ingress: { limits: { connections: 1.5 } }', 'c.yaml:1: ingress.limits.connections is 1.5: expected a whole number'],
    ['not a mapping', 'ingress:\n', 'c.yaml:1: ingress is empty: expected a mapping'],
    ['not a list', 'accounts: bob', 'c.yaml:1: accounts is "bob": expected a list'],
    [
      'not a truth',
      'ingress: { listeners: [{ port: 25, behind_proxy: maybe }] }',
      'c.yaml:1: ingress.listeners[0].behind_proxy is "maybe": expected true or false',
    ],
    ['an empty list', 'delivery: { retry: [] }', 'c.yaml:1: delivery.retry is a list: expected at least 1 entry'],
    ['missing', 'ingress:\n  listeners:\n    - address: 127.0.0.1', 'c.yaml:3: ingress.listeners[0].port is missing: expected a number'],
    ['one of', 'log: { level: loud }', 'c.yaml:1: log.level is "loud": expected trace, debug, info, warn or error'],
    ['a transport', "routes:\n  '*': { transport: pigeon }", 'c.yaml:2: routes."*".transport is "pigeon": expected local, dns, smarthost or error'],
    ['a pattern', 'redis: { prefix: A_B }', 'c.yaml:1: redis.prefix is "A_B": expected text of the form /^[a-z0-9-]{1,32}$/'],
    ['host:port', 'resolver: { servers: [localhost] }', 'c.yaml:1: resolver.servers[0] is "localhost": expected host:port'],
    ['text or list', 'domains: { example.org: { aliases: { info: 5 } } }', 'c.yaml:1: domains."example.org".aliases.info is 5: expected text or a list'],
    ['an unknown key', 'hostnam: x', 'c.yaml:1: hostnam: unknown key; did you mean hostname?'],
    ['an unknown key inside', 'ingress:\n  limits:\n    mesage_size: 1MB', 'c.yaml:3: ingress.limits.mesage_size: unknown key; did you mean message_size?'],
    [
      'an unknown key in a list',
      'accounts:\n  - address: a@b\n    pasword_hash: x',
      'c.yaml:3: accounts[0].pasword_hash: unknown key; did you mean password_hash?',
    ],
    ['a key of another transport', "routes: { '*': { transport: dns, host: a } }", 'c.yaml:1: routes."*".host: unknown key; this transport has no such key'],
    ['an unknown key in a route', "routes: { '*': { transport: smarthost, host: a, hots: b } }", 'c.yaml:1: routes."*".hots: unknown key; did you mean host?'],
    ['an unknown key like none', 'health: { colour: red }', 'c.yaml:1: health.colour: unknown key; expected address or port'],
    ['a key written twice', 'hostname: a\nhostname: b', 'c.yaml:2: has hostname twice: expected one'],
    ['no mapping at all', '- a', 'c.yaml:1: expected a mapping'],
    [
      'two errors in their order',
      'drain_timeout: x\nhostname: 5',
      'c.yaml:1: drain_timeout is "x": expected a duration such as 500ms, 30s, 5m, 4h or 5d',
      'c.yaml:2: hostname is 5: expected text',
    ],
    ['a missing variable', 'a: 1\nhostname: ${NOWHERE}', 'c.yaml:2: environment variable NOWHERE is not set'],
    [
      'an alias',
      'postmaster: p@x.org\ndomains: { example.org: { aliases: { info: bob } } }',
      'c.yaml:2: domains."example.org".aliases.info is "bob": expected an address such as alice@example.org',
    ],
    [
      'an alias in a list',
      'postmaster: p@x.org\ndomains: { a.org: { aliases: { b: [c@a.org, d] } } }',
      'c.yaml:2: domains."a.org".aliases.b[1] is "d": expected an address such as alice@example.org',
    ],
    [
      'an alias to nobody',
      'postmaster: p@x.org\ndomains: { a.org: { aliases: { b: [] } } }',
      'c.yaml:2: domains."a.org".aliases.b is a list: expected at least one address',
    ],
    [
      'an alias’s name',
      'postmaster: p@x.org\ndomains: { a.org: { aliases: { "b@": c@a.org } } }',
      'c.yaml:2: domains."a.org".aliases."b@": expected a local-part, the part before the @',
    ],
    [
      'a catch-all',
      'postmaster: p@x.org\ndomains: { a.org: { catch_all: b } }',
      'c.yaml:2: domains."a.org".catch_all is "b": expected an address such as alice@example.org',
    ],
    ['a domain', 'postmaster: p@x.org\ndomains: { "a b": {} }', 'c.yaml:2: domains."a b": expected a domain such as example.org'],
    [
      'a foreign account',
      'accounts: [{ address: a@b.org }]',
      'c.yaml:1: accounts[0].address is "a@b.org": expected an address of a local domain; add b.org to domains',
    ],
    [
      'an account twice',
      'domains: { b.org: {} }\naccounts:\n- address: a@b.org\n- address: A@B.org',
      'c.yaml:4: accounts[1].address is "A@B.org": expected each account once',
    ],
    [
      'a hash',
      'domains: { b: {} }\naccounts: [{ address: a@b, password_hash: secret }]',
      'c.yaml:2: accounts[0].password_hash is (hidden): expected what `stafette hash-password` prints: $scrypt$N$r$p$salt$hash',
    ],
    [
      'an alias with the name of an account',
      'domains: { b.org: { aliases: { A: c@x.org } } }\naccounts: [{ address: a@b.org }]',
      'c.yaml:1: domains."b.org".aliases.A: expected a name that no account has: the account gets this mail, and the alias none',
    ],
    [
      'an alias of itself',
      'postmaster: p@x.org\ndomains: { b.org: { aliases: { a: A@B.org } } }',
      'c.yaml:2: domains."b.org".aliases.a is "A@B.org": expected an address that does not lead back to this alias: a@b.org > a@b.org',
    ],
    [
      'an alias of itself among others, with a tag',
      'postmaster: p@x.org\ndomains: { b.org: { aliases: { a: [c@x.org, a+copy@b.org] } } }',
      'c.yaml:2: domains."b.org".aliases.a[1] is "a+copy@b.org": expected an address that does not lead back to this alias: a@b.org > a@b.org',
    ],
    [
      'aliases of each other',
      'postmaster: p@x.org\ndomains:\n  b.org: { aliases: { a: [x@x.org, b@c.org] } }\n  c.org: { aliases: { b: a@b.org } }',
      'c.yaml:4: domains."c.org".aliases.b is "a@b.org": expected an address that does not lead back to this alias: b@c.org > a@b.org > b@c.org',
    ],
    [
      'a long loop beside another',
      `postmaster: p@x.org\ndomains: { b.org: { aliases: { ${Array.from({ length: 9 }, (_, at) => `n${at}: n${(at + 1) % 9}@b.org`).join(', ')}, z: [z@b.org, n4@b.org] } } }`,
      'c.yaml:2: domains."b.org".aliases.n8 is "n0@b.org": expected an address that does not lead back to this alias: n8@b.org > n0@b.org > n1@b.org > n2@b.org > ... > n8@b.org',
      'c.yaml:2: domains."b.org".aliases.z[0] is "z@b.org": expected an address that does not lead back to this alias: z@b.org > z@b.org',
    ],
    [
      'a chain of aliases that the router would give up, of which the first is named',
      `postmaster: p@x.org\ndomains:\n  b.org:\n    aliases:\n${chain(MAX_ALIAS_DEPTH + 2)}`,
      'c.yaml:5: domains."b.org".aliases.n0: expected no more than 10 aliases one after the other, or its mail is bounced: n0@b.org > n1@b.org > n2@b.org > n3@b.org > ... > n10@b.org',
    ],
    [
      'two chains that become one',
      `postmaster: p@x.org\ndomains:\n  b.org:\n    aliases:\n${chain(MAX_ALIAS_DEPTH)}      a: [x@x.org, n0@b.org]\n      b: n0+tag@b.org\n`,
      'c.yaml:15: domains."b.org".aliases.a: expected no more than 10 aliases one after the other, or its mail is bounced: a@b.org > n0@b.org > n1@b.org > n2@b.org > ... > n9@b.org',
      'c.yaml:16: domains."b.org".aliases.b: expected no more than 10 aliases one after the other, or its mail is bounced: b@b.org > n0@b.org > n1@b.org > n2@b.org > ... > n9@b.org',
    ],
    [
      'a name twice in another case',
      'postmaster: p@x.org\ndomains: { b.org: { aliases: { a: c@x.org, A: d@x.org } }, B.org: {} }\nroutes: { x.org: { transport: dns }, X.org: { transport: error } }',
      'c.yaml:2: domains."b.org".aliases.A: expected each alias once, in whichever case',
      'c.yaml:2: domains."B.org": expected each domain once, in whichever case',
      'c.yaml:3: routes."X.org": expected each domain once, in whichever case',
    ],
    [
      'nobody to be postmaster (RFC 5321 section 4.5.1)',
      'domains: { b.org: { aliases: { postmaster: c@x.org } } }',
      'c.yaml:1: postmaster: expected an address: there are local domains, and no account that could be postmaster',
    ],
    [
      'nobody to be postmaster of a domain routed to us',
      'routes: { b.org: { transport: local } }',
      'c.yaml:1: postmaster: expected an address: there are local domains, and no account that could be postmaster',
    ],
    [
      'nobody to be told when mail of trusted networks fails',
      'ingress: { trusted_networks: [10.0.0.0/8] }',
      'c.yaml:1: postmaster: expected an address: trusted networks send mail, and no account that could be postmaster',
    ],
    [
      'the same where one listener trusts',
      'ingress: { listeners: [{ port: 25, trusted_networks: [10.0.0.0/8] }] }',
      'c.yaml:1: postmaster: expected an address: trusted networks send mail, and no account that could be postmaster',
    ],
    ['a host name', 'hostname: "bad host\\nname"', 'c.yaml:1: hostname is "bad host\\nname": expected a host name such as mail.example.org'],
    ['a host name beyond ASCII', 'hostname: größe.example', 'c.yaml:1: hostname is "größe.example": expected a host name such as mail.example.org'],
    [
      'a trace database',
      'trace: { database: "mysql://u:secret@x" }',
      'c.yaml:1: trace.database is "mysql://***@x": expected a URL such as postgres://USER:PASSWORD@HOST/DATABASE',
    ],
    [
      'a mail store database',
      'mailstore: { database: sqlite }',
      'c.yaml:1: mailstore.database is "sqlite": expected a URL such as postgres://USER:PASSWORD@HOST/DATABASE',
    ],
    [
      'a local address',
      'delivery: { local_address: nonsense }',
      'c.yaml:1: delivery.local_address is "nonsense": expected an IP address such as 192.0.2.1 or 2001:db8::1',
    ],
    ...['health', 'admin'].map(
      (key) =>
        [
          `where ${key} listens`,
          `${key}: { address: not an ip }`,
          `c.yaml:1: ${key}.address is "not an ip": expected an IP address such as 127.0.0.1 or ::, or a host name`,
        ] as const,
    ),
    [
      'where SMTP listens',
      'ingress: { listeners: [{ address: 999.1.1.1, port: 25 }] }',
      'c.yaml:1: ingress.listeners[0].address is "999.1.1.1": expected an IP address such as 127.0.0.1 or ::, or a host name',
    ],
    [
      'where IMAP listens',
      'imap: { listeners: [{ address: "[::1]", port: 143 }] }',
      'c.yaml:1: imap.listeners[0].address is "[::1]": expected an IP address such as 127.0.0.1 or ::, or a host name',
    ],
    ['postmaster', 'postmaster: root', 'c.yaml:1: postmaster is "root": expected an address such as alice@example.org'],
    ['postmaster nowhere', 'domains: { b: {} }\npostmaster: a@b', 'c.yaml:2: postmaster is "a@b": expected an account or alias of b, or an address elsewhere'],
    [
      'a port twice',
      'ingress: { listeners: [{ port: 8080 }] }',
      'c.yaml:1: health.port: expected a port of its own; ingress.listeners.0.port has 127.0.0.1 port 8080 already',
    ],
    [
      'a port taken by a wildcard',
      'ingress:\n  listeners:\n  - { port: 25, address: 0.0.0.0 }\n  - port: 25',
      'c.yaml:4: ingress.listeners[1].port is 25: expected a port of its own; ingress.listeners.0.port has 0.0.0.0 port 25 already',
    ],
    [
      'a network',
      'postmaster: p@x.org\ningress: { trusted_networks: [10.0.0.0/33] }',
      'c.yaml:2: ingress.trusted_networks[0] is "10.0.0.0/33": expected a network such as 192.0.2.0/24 or 2001:db8::/32',
    ],
    [
      'a bare address',
      'postmaster: p@x.org\ningress: { trusted_networks: [10.0.0.1] }',
      'c.yaml:2: ingress.trusted_networks[0] is "10.0.0.1": expected a network such as 192.0.2.0/24 or 2001:db8::/32',
    ],
    [
      'everybody',
      'postmaster: p@x.org\ningress: { trusted_networks: ["::/0"] }',
      'c.yaml:2: ingress.trusted_networks[0] is "::/0": expected a network smaller than the whole Internet: this would be an open relay',
    ],
    [
      'PROXY headers from anyone',
      'ingress: { listeners: [{ port: 25, proxy_protocol: true }] }\nimap: { listeners: [{ port: 143, proxy_from: [10.0.0.0/8] }] }',
      'c.yaml:1: ingress.listeners[0].proxy_from: expected the networks of the load balancers: with proxy_protocol, who is believed must be written',
      'c.yaml:2: imap.listeners[0].proxy_from: expected only with proxy_protocol: true',
    ],
    [
      'trust behind a proxy',
      'postmaster: p@x.org\ningress: { trusted_networks: [10.0.0.0/8], listeners: [{ port: 25, behind_proxy: true }] }',
      'c.yaml:2: ingress.listeners[0]: behind_proxy hides the clients’ addresses, so none can be trusted: set proxy_protocol: true or trusted_networks: []',
    ],
    [
      'passwords in clear',
      'ingress: { listeners: [{ port: 587, kind: submission, tls: none }] }',
      'c.yaml:1: ingress.listeners[0].tls is "none": expected starttls or implicit: a submission listener never takes passwords in clear',
    ],
    ['half a certificate', 'ingress: { tls: { certificate: a.pem } }', 'c.yaml:1: ingress.tls: expected certificate and key, or neither'],
    [
      'sentinels without replicas',
      'redis: { sentinels: [a:1] }',
      'c.yaml:1: redis.replicas: expected at least 1 with sentinels: a failover would lose acknowledged mail (or write durability: relaxed)',
    ],
    [
      'a cluster without replicas',
      'redis: { cluster: [a:1] }',
      'c.yaml:1: redis.replicas: expected at least 1 with cluster: a failover would lose acknowledged mail (or write durability: relaxed)',
    ],
    ['replicas of the embedded Redis', 'redis: { replicas: 1 }', 'c.yaml:1: redis.replicas is 1: expected 0: the embedded Redis has no replicas'],
    [
      'two ways to Redis',
      'redis: { url: "redis://a", cluster: [a:1], replicas: 1 }',
      'c.yaml:1: redis: expected one of url, sentinels and cluster, not url and cluster',
    ],
    [
      'a Redis URL',
      'redis: { url: "http://u:secret@a" }',
      'c.yaml:1: redis.url is "http://***@a": expected redis://HOST:PORT, rediss://HOST:PORT or the absolute path of a Unix socket',
    ],
    [
      'credentials in clear',
      "routes: { '*': { transport: smarthost, host: a, credentials: f, tls: none } }",
      'c.yaml:1: routes."*".tls is "none": expected verify or implicit: credentials are sent over verified TLS only',
    ],
    ['a route’s domain', "routes: { 'a b': { transport: dns } }", 'c.yaml:1: routes."a b": expected a domain, .domain for its subdomains, or *'],
    ['crossed lifetimes', 'resolver: { min_ttl: 2d }', 'c.yaml:1: resolver.min_ttl is "2d": expected no more than resolver.max_ttl'],
  ];
  test.each(cases)('%s', (_name, yaml, ...lines) => expect(errors(yaml)).toEqual(lines));
});

test('aliases may follow each other as far as the router goes, and by a shorter way as well', () => {
  const aliases = (text: string) => errors(`postmaster: p@x.org\ndomains:\n  b.org:\n    aliases:\n${text}`);
  expect(aliases(chain(MAX_ALIAS_DEPTH))).toEqual([]);
  expect(
    aliases(
      chain(MAX_ALIAS_DEPTH + 2)
        .replace('n0: n1@b.org', 'n0: [n1@b.org, n3@b.org, n6@b.org]')
        .replace('n1: n2@b.org', 'n1: n4@b.org'),
    ),
  ).toEqual([]);
});

test('an empty file means every default', () => expect(parseConfig('', 'c.yaml').health.port).toBe(8080));

test('addresses and names as people write them are taken', () => {
  const good = [
    'hostname: "[192.0.2.1]"',
    'hostname: localhost',
    'health: { address: localhost }',
    'admin: { address: "::" }',
    'delivery: { local_address: 2001:db8::1 }',
    'trace: { database: postgresql://u@h/d }',
    'ingress: { trusted_networks: [10.0.0.0/8] }\npostmaster: p@x.org',
  ];
  for (const yaml of good) expect(errors(yaml)).toEqual([]);
});

test('aliases that meet again, a name with a plus of its own, and an account on the way are no loop', () => {
  const met = 'domains: { b.org: { aliases: { a: [b@b.org, c@b.org], b: d@b.org, c: d@b.org, d: e@x.org, d+x: d@b.org } } }';
  expect(errors(`postmaster: p@x.org\n${met}`)).toEqual([]);
  expect(errors('domains: { b.org: { aliases: { a: b+a@b.org, b: a@b.org } } }\naccounts: [{ address: b+a@b.org }]')).toEqual([]);
});

test('a chain of twenty thousand aliases is followed to its end, and told once', () => {
  const chain = (last: string) => {
    const aliases = Object.fromEntries(Array.from({ length: 20_000 }, (_, at) => [`n${at}`, at === 19_999 ? last : `n${at + 1}@b.org`]));
    return check(schema.parse({ domains: { 'b.org': { aliases } }, postmaster: 'p@x.org' }));
  };
  expect(chain('end@x.org')).toMatchObject([{ path: ['domains', 'b.org', 'aliases', 'n0'] }]);
  expect(chain('n0@b.org')).toMatchObject([{ path: ['domains', 'b.org', 'aliases', 'n19999'] }]);
});

test('a domain routed to `local` is ours, so it may have accounts', () => {
  expect(errors('routes: { .example.org: { transport: local } }\naccounts: [{ address: a@mail.example.org }]')).toEqual([]);
  expect(errors('routes: { .org: { transport: local }, .example.org: { transport: dns } }\naccounts: [{ address: a@mail.example.org }]')).toHaveLength(1);
});

test('relaxed durability allows Sentinel without replicas', () => expect(errors('redis: { sentinels: [a:1], durability: relaxed }')).toEqual([]));

test('proxy_protocol, or trusting nobody, allows a listener behind a proxy', () => {
  expect(
    errors(
      'postmaster: p@x.org\ningress: { trusted_networks: [10.0.0.0/8], listeners: [{ port: 25, behind_proxy: true, proxy_protocol: true, proxy_from: [10.1.0.0/24] }] }',
    ),
  ).toEqual([]);
  expect(
    errors('postmaster: p@x.org\ningress: { trusted_networks: [10.0.0.0/8], listeners: [{ port: 25, behind_proxy: true, trusted_networks: [] }] }'),
  ).toEqual([]);
});

test('a value takes an environment variable, and an error never shows it', () => {
  expect(parseConfig('hostname: ${NAME}.example', 'c.yaml', { NAME: 'mx' }).hostname).toBe('mx.example');
  expect(errors('redis: { url: "${SECRET}" }', { SECRET: 'hunter2' })[0]).toContain('redis.url is "${SECRET}": expected');
  expect(errors('redis: { url: "${SECRET}" }', { SECRET: 'hunter2' }).join()).not.toContain('hunter2');
});

test('an alias bomb is refused', () => {
  const bomb = [
    'a: &a [x,x,x,x,x,x,x,x,x,x]',
    ...'bcdefgh'.split('').map((name, i) => `${name}: &${name} [${Array(10).fill(`*${'abcdefg'[i]}`).join(',')}]`),
  ].join('\n');
  expect(errors(bomb)[0]).toContain('cannot be read as YAML');
});

describe('named files', () => {
  const write = (name: string, text: string, mode = 0o600) => {
    const file = join(folder, name);
    writeFileSync(file, text);
    chmodSync(file, mode);
    return file;
  };

  test('a missing configuration file is one line', () =>
    expect(linesOf(() => loadConfig(join(folder, 'absent.yaml')))[0]).toMatch(/absent.yaml: cannot be read: ENOENT/));

  test('symbolic links that go round are one line', () => {
    symlinkSync('b.pem', join(folder, 'a.pem'));
    symlinkSync('a.pem', join(folder, 'b.pem'));
    const file = write('round.yaml', `ingress: { tls: { certificate: ${folder}/a.pem, key: ${folder}/a.pem } }`);
    const said = (key: string) => `${file}:1: ingress.tls.${key}: ${folder}/a.pem cannot be read: its symbolic links go round`;
    expect(linesOf(() => loadConfig(file))).toEqual([said('certificate'), said('key')]);
  });

  test('a file that is not UTF-8 is one line', () => {
    writeFileSync(join(folder, 'latin.yaml'), Buffer.from('hostname: caf\xe9', 'latin1'));
    expect(linesOf(() => loadConfig(join(folder, 'latin.yaml')))).toEqual([`${folder}/latin.yaml: cannot be read: it is not UTF-8`]);
  });

  test.each([
    ['redis: { url: redis://a, password_file: FILE }', 'redis.password_file'],
    ['admin: { token_file: FILE }', 'admin.token_file'],
    ["routes: { '*': { transport: smarthost, host: a, credentials: FILE } }", 'routes."*".credentials'],
  ])('%s must exist and be ours alone', (yaml, key) => {
    const load = (file: string) => linesOf(() => loadConfig(write('c.yaml', yaml.replace('FILE', file))));
    const absent = join(folder, 'none');
    expect(load(absent)).toEqual([`${folder}/c.yaml:1: ${key}: ${absent} cannot be read: it does not exist`]);
    expect(load(folder)).toEqual([`${folder}/c.yaml:1: ${key}: ${folder} cannot be read: it is not a file`]);
    const open = write('open', 'x', 0o640);
    expect(load(open)).toEqual([`${folder}/c.yaml:1: ${key}: ${open} has mode 0640: expected 0600 or stricter`]);
    expect(load(write('closed', 'x', 0o400))).toEqual([]);
  });

  test('log.file must be a file, or its folder exist', () => {
    const load = (file: string) => linesOf(() => loadConfig(write('c.yaml', `log: { file: ${file} }`)));
    const said = (place: string, why: string) => [`${folder}/c.yaml:1: log.file: ${place} cannot be written: ${why}`];
    expect(load(join(folder, 'none', 'log'))).toEqual(said(join(folder, 'none'), 'it does not exist'));
    expect(load(folder)).toEqual(said(folder, 'it is not a file'));
    const file = write('log', '');
    expect(load(join(file, 'log'))).toEqual(said(file, 'it is not a folder'));
    for (const good of [file, join(folder, 'new-log'), 'new-log', '/dev/null']) expect(load(good)).toEqual([]);
  });
});

test('the built-in configuration passes its own checks', () => expect(check(builtinConfig())).toEqual([]));

describe('whatever the file holds, the answer is a configuration or a ConfigError', () => {
  const survives = (text: string) => {
    for (const line of errors(text, { HOME: '/' })) expect(line).toMatch(/^c\.yaml:\d+: /);
  };
  test('any text', () => fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), survives), { numRuns: 300 }));
  test('YAML-like text', () => {
    const token = fc.constantFrom(
      'ingress',
      'domains',
      'routes',
      'accounts',
      '*',
      '&a',
      '*a',
      ': ',
      '\n',
      '  ',
      '- ',
      '{',
      '}',
      '[',
      ']',
      ',',
      '"',
      '${HOME}',
      '__proto__',
      'null',
      '|',
      '!!map',
      '<<',
      '? ',
    );
    fc.assert(
      fc.property(
        fc.array(token, { maxLength: 40 }).map((tokens) => tokens.join('')),
        survives,
      ),
      { numRuns: 500 },
    );
  });
  test('any value under a known key', () => {
    const key = fc.constantFrom('redis', 'ingress', 'domains', 'accounts', 'routes', 'delivery', 'postmaster', 'hostname', 'sites', 'health');
    fc.assert(
      fc.property(key, fc.jsonValue(), (name, value) => survives(JSON.stringify({ [name]: value }))),
      { numRuns: 500 },
    );
  });
});
