// The one schema: every setting, its unit, its limits and its default. Types, validation, the JSON Schema for editors
// and the table in docs/operations.md all come from here.
import { z } from 'zod';
import { age, bytes, duration, hostName, hostPort, ipAddress, listenAddress, oneLine, ownName, pause, postgresUrl } from './units.ts';

const tls = z
  .strictObject({
    certificate: z.string().optional().describe('PEM file; without it a self-signed certificate is made in data_dir'),
    key: z.string().optional().describe('PEM file'),
    min_version: z.enum(['TLSv1.2', 'TLSv1.3']).default('TLSv1.2').describe('RFC 8996 ends TLS 1.0 and 1.1'),
  })
  .prefault({});

const listener = z.strictObject({
  address: listenAddress.default('127.0.0.1').describe('loopback unless written otherwise'),
  port: z.int().min(0).max(65535).describe('0 takes any free port'),
  kind: z.enum(['relay', 'submission']).default('relay').describe('submission requires authentication (RFC 6409 section 4.3)'),
  tls: z.enum(['none', 'starttls', 'implicit']).default('starttls'),
  proxy_protocol: z.boolean().default(false).describe('clients arrive through a load balancer that sends PROXY v1; needs proxy_from'),
  proxy_from: z.array(z.string()).default([]).describe('CIDR of the load balancers: with proxy_protocol nobody else may connect'),
  behind_proxy: z.boolean().default(false).describe('addresses seen are a proxy’s: trust by address is refused'),
  trusted_networks: z.array(z.string()).optional().describe('overrides ingress.trusted_networks here'),
});

const limits = z
  .strictObject({
    message_size: bytes('50MB', '1B').describe('SIZE (RFC 1870)'),
    recipients: z.int().min(100).max(50_000).default(1000).describe('per message; RFC 5321 section 4.5.3.1.8 asks for at least 100'),
    connections: z.int().min(1).default(2000).describe('open connections of one process'),
    connections_per_client: z.int().min(1).default(200).describe('of one process'),
    messages_per_connection: z.int().min(1).default(10_000),
    errors: z.int().min(1).default(20).describe('rejected commands before 421, as Postfix smtpd_hard_error_limit'),
    unknown_recipients: z.int().min(1).default(20).describe('unknown local recipients before 421'),
    command_timeout: pause('5m').describe('RFC 5321 section 4.5.3.2.7'),
    transaction_timeout: pause('30m').describe('from MAIL to the final dot'),
    tls_timeout: pause('30s').describe('for a TLS handshake'),
    line_length: z
      .int()
      .min(1000)
      .max(65_536)
      .default(2048)
      .describe('bytes of a command line; RFC 5321 section 4.5.3.1.4 and its extensions; AUTH may use 12,288 (RFC 4954 section 4)'),
    auth_failures: z.int().min(1).default(3).describe('before 421'),
    auth_failure_delay: duration('2s').describe('before the reply to a failed AUTH'),
    auth_failures_per_client: z.int().min(1).default(20).describe('of one process, per address and per account in 10 minutes, then 454 4.7.0'),
  })
  .prefault({});

/** How MUAs reach their mailboxes: IMAP and POP3 alike. They use the certificate of ingress.tls. */
const accessListener = z.strictObject({
  address: listenAddress.default('127.0.0.1').describe('loopback unless written otherwise'),
  port: z.int().min(0).max(65535).describe('0 takes any free port'),
  tls: z.enum(['starttls', 'implicit']).default('starttls').describe('RFC 8314 section 3 prefers implicit'),
  proxy_protocol: z.boolean().default(false).describe('clients arrive through a load balancer that sends PROXY v1; needs proxy_from'),
  proxy_from: z.array(z.string()).default([]).describe('CIDR of the load balancers: with proxy_protocol nobody else may connect'),
  behind_proxy: z.boolean().default(false).describe('addresses seen are a proxy’s: failed passwords are counted by account only'),
  clear_passwords: z.boolean().default(false).describe('accept passwords without TLS from clients on loopback'),
});

const accessLimits = z
  .strictObject({
    connections: z.int().min(1).default(10_000).describe('open connections of one process'),
    connections_per_client: z.int().min(1).default(200).describe('of one process'),
    errors: z.int().min(1).default(20).describe('commands that are no commands before the session ends'),
    login_timeout: pause('1m').describe('from the greeting to a successful authentication, renewed by each command'),
    tls_timeout: pause('30s').describe('for a TLS handshake'),
    auth_failures: z.int().min(1).default(3).describe('before the session ends'),
    auth_failure_delay: duration('2s').describe('before the answer to a failed authentication'),
    auth_failures_per_client: z.int().min(1).default(20).describe('of one process, per address and per account in 10 minutes'),
  })
  .prefault({});

const route = z.discriminatedUnion('transport', [
  z.strictObject({ transport: z.literal('local') }),
  z.strictObject({ transport: z.literal('dns') }),
  z.strictObject({
    transport: z.literal('smarthost'),
    host: hostName,
    port: z.int().min(1).max(65535).default(587),
    tls: z.enum(['verify', 'opportunistic', 'implicit', 'none']).default('verify').describe('verify and implicit need a valid certificate'),
    ca: z.string().optional().describe('PEM file of trusted authorities instead of the system’s'),
    credentials: z.string().optional().describe('file with `user:password`, mode 0600; used over verified TLS only'),
  }),
  z.strictObject({
    transport: z.literal('error'),
    status: z
      .string()
      .regex(/^[45]\.\d{1,3}\.\d{1,3}$/)
      .default('5.1.2'),
    text: oneLine.default('Mail to this domain is not accepted'),
  }),
]);

const site = z.strictObject({
  match: z.string().describe('a site, domain or `*`; the first rule that matches wins'),
  connections: z.int().min(1).max(1000).default(20).describe('per site, shared by its partitions (as Postfix default_destination_concurrency_limit)'),
  partitions: z.int().min(1).max(64).optional().describe('default 1, a smarthost 4'),
  messages_per_connection: z.int().min(1).default(1000),
});

export const schema = z.strictObject({
  hostname: ownName.optional().describe('our name in greeting, EHLO and Received; default the machine’s'),
  data_dir: z.string().min(1).default('data').describe('embedded Redis, cold content, SQLite, certificates; mode 0700'),
  redis: z
    .strictObject({
      url: z.string().optional().describe('redis://, rediss://, unix path; without it an embedded Redis is started'),
      sentinels: z.array(hostPort).optional(),
      sentinel_name: z.string().default('mymaster'),
      cluster: z.array(hostPort).optional(),
      username: z.string().optional(),
      password_file: z.string().optional(),
      ca: z.string().optional(),
      prefix: z
        .string()
        .regex(/^[a-z0-9-]{1,32}$/)
        .default('stafette')
        .describe('of every key'),
      shards: z.int().min(1).max(32).optional().describe('default 1, 16 in a Cluster; never change while mail is queued'),
      replicas: z.int().min(0).max(5).default(0).describe('acknowledgements of a commit; at least 1 with Sentinel or Cluster'),
      durability: z.enum(['strict', 'relaxed']).default('strict').describe('relaxed may lose acknowledged mail'),
      commit_patience: duration('60s').describe('how long a commit is replayed while Redis is away, then 451'),
      replica_timeout: pause('5s').describe('for acknowledgements of replicas'),
      maxmemory: bytes('0').describe('of the embedded Redis; 0 takes a quarter of the memory'),
      commit_connections: z.int().min(1).max(16).default(1).describe('per shard and process'),
    })
    .prefault({}),
  ingress: z
    .strictObject({
      listeners: z.array(listener).default([
        { address: '127.0.0.1', port: 2525, kind: 'relay', tls: 'starttls', proxy_protocol: false, proxy_from: [], behind_proxy: false },
        { address: '127.0.0.1', port: 2587, kind: 'submission', tls: 'starttls', proxy_protocol: false, proxy_from: [], behind_proxy: false },
        { address: '127.0.0.1', port: 2465, kind: 'submission', tls: 'implicit', proxy_protocol: false, proxy_from: [], behind_proxy: false },
      ]),
      trusted_networks: z.array(z.string()).default([]).describe('CIDR; may relay without authentication'),
      limits,
      tls,
    })
    .prefault({}),
  imap: z
    .strictObject({
      listeners: z.array(accessListener).default([
        { address: '127.0.0.1', port: 2143, tls: 'starttls', proxy_protocol: false, proxy_from: [], behind_proxy: false, clear_passwords: false },
        { address: '127.0.0.1', port: 2993, tls: 'implicit', proxy_protocol: false, proxy_from: [], behind_proxy: false, clear_passwords: false },
      ]),
      limits: accessLimits,
      idle_timeout: pause('30m').describe('silence of an authenticated client before BYE; RFC 9051 section 5.4 asks for at least 30 minutes'),
    })
    .prefault({}),
  pop3: z
    .strictObject({
      listeners: z.array(accessListener).default([
        { address: '127.0.0.1', port: 2110, tls: 'starttls', proxy_protocol: false, proxy_from: [], behind_proxy: false, clear_passwords: false },
        { address: '127.0.0.1', port: 2995, tls: 'implicit', proxy_protocol: false, proxy_from: [], behind_proxy: false, clear_passwords: false },
      ]),
      limits: accessLimits,
      idle_timeout: pause('10m').describe('silence of an authenticated client before its session ends; RFC 1939 section 3 asks for at least 10 minutes'),
    })
    .prefault({}),
  clients: z
    .strictObject({
      hostname: hostName.optional().describe('the name by which MUAs reach us, for autoconfiguration and SRV records; default hostname'),
      ports: z
        .partialRecord(z.enum(['submission', 'submissions', 'imap', 'imaps', 'pop3', 'pop3s']), z.int().min(1).max(65535))
        .default({})
        .describe('public ports that are not the standard ones, 587, 465, 143, 993, 110 and 995'),
    })
    .prefault({}),
  domains: z
    .record(
      z.string(),
      z.strictObject({ aliases: z.record(z.string(), z.union([z.string(), z.array(z.string())])).default({}), catch_all: z.string().optional() }),
    )
    .default({})
    .describe('local domains'),
  accounts: z.array(z.strictObject({ address: z.string(), password_hash: z.string().optional().describe('made by `stafette hash-password`') })).default([]),
  postmaster: z
    .string()
    .optional()
    .describe('who gets mail for postmaster and null-path failures; default the first account; needed where mail comes in and there is none'),
  routes: z
    .record(z.string(), route)
    .default({ '*': { transport: 'dns' } })
    .describe('by domain: `example.org`, `.example.org` (subdomains), `*`'),
  sites: z.array(site).default([]),
  resolver: z
    .strictObject({
      servers: z.array(hostPort).default([]).describe('name servers; default the system’s'),
      timeout: pause('5s').describe('of one try'),
      tries: z.int().min(1).max(10).default(3),
      min_ttl: age('30s'),
      max_ttl: age('1d'),
      negative_ttl: age('5m').describe('upper bound for negative answers (RFC 2308)'),
      smtp_port: z.int().min(1).max(65535).default(25).describe('of hosts found by DNS'),
      allow_private: z.boolean().default(false).describe('let the dns transport reach loopback, private, link-local and our own addresses'),
    })
    .prefault({}),
  delivery: z
    .strictObject({
      max_age: age('5d').describe('then the sender is told (RFC 5321 section 4.5.4.1)'),
      bounce_max_age: age('5d').describe('the same for DSNs'),
      retry: z
        .array(pause('5m'))
        .min(1)
        .default([300_000, 600_000, 1_200_000, 2_400_000, 3_600_000, 7_200_000, 14_400_000])
        .describe('delays between attempts; the last repeats; each varied by up to 20 %'),
      circuit: z
        .array(pause('1m'))
        .min(1)
        .default([60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000])
        .describe('delays between probes of a site that refuses'),
      connect_timeout: pause('30s'),
      greeting_timeout: pause('5m').describe('RFC 5321 section 4.5.3.2.1'),
      command_timeout: pause('5m').describe('RFC 5321 section 4.5.3.2.2 and 4.5.3.2.3'),
      data_timeout: pause('10m').describe('RFC 5321 section 4.5.3.2.6'),
      idle_timeout: duration('10s').describe('a kept connection is closed after this'),
      delay_warning: age('4h').describe('a DELAY DSN after this; 0 never'),
      local_address: ipAddress.optional().describe('from which connections to next hops of the same family are opened'),
    })
    .prefault({}),
  queue: z
    .strictObject({
      max_messages: z.int().min(1).default(1_000_000),
      max_bytes: bytes('100GB', '1B'),
      max_router_age: duration('5m').describe('of the router’s oldest; older, ingress answers 452'),
      hot_limit: bytes('64KB').describe('content above this goes to the cold tier at once'),
      memory_watermark: z.number().min(0.1).max(0.95).default(0.7).describe('share of maxmemory at which ingress answers 452'),
      min_free: bytes('200MB').describe('free disk under which ingress answers 452'),
      record_version: z
        .literal([1, 2])
        .default(2)
        .describe('of new records: the lower for as long as older processes read the queue, or might after a rollback'),
    })
    .prefault({}),
  trace: z.strictObject({ keep: age('30d'), database: postgresUrl.optional().describe('postgres:// URL; default SQLite in data_dir') }).prefault({}),
  mailstore: z
    .strictObject({
      database: postgresUrl.optional().describe('postgres:// URL, of version 14 or later; default SQLite in data_dir'),
      quota: bytes('0').describe('per account; 0 is none'),
      quota_messages: z.int().min(0).default(0).describe('messages per account; 0 is none'),
    })
    .prefault({}),
  bounce: z.strictObject({ content_limit: bytes('50KB').describe('of the original quoted in a DSN') }).prefault({}),
  health: z.strictObject({ address: listenAddress.default('127.0.0.1'), port: z.int().min(0).max(65535).default(8080) }).prefault({}),
  admin: z
    .strictObject({
      address: listenAddress.default('127.0.0.1'),
      port: z.int().min(0).max(65535).default(8081),
      token_file: z.string().optional().describe('default data_dir/admin-token, made at first start, mode 0600'),
      names: z.array(z.string()).default([]).describe('more host names by which it may be called; others are refused (DNS rebinding)'),
    })
    .prefault({}),
  log: z
    .strictObject({
      level: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info'),
      file: z.string().min(1).optional().describe('default standard output'),
    })
    .prefault({}),
  drain_timeout: duration('25s').describe('from SIGTERM to giving up what runs (Kubernetes grants 30 s)'),
});

export type Config = z.infer<typeof schema>;
export type ConfigInput = z.input<typeof schema>;
export type Route = z.infer<typeof route>;
export type ListenerConfig = z.infer<typeof listener>;
/** A listener of IMAP or POP3. */
export type AccessListenerConfig = z.infer<typeof accessListener>;
/** Limits of an IMAP or POP3 server. */
export type AccessLimits = z.infer<typeof accessLimits>;
export type SiteRule = z.infer<typeof site>;
