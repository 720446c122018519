// What one key cannot know: rules between keys, after the schema has accepted each. Pure: files are check-files.ts.
import { isIP } from 'node:net';
import { canonicalAddress, canonicalDomain, parseAddress, parseDomain } from '#shared/mail/address.ts';
import { canonicalOf, checkDomains, isNew, notAnAddress } from './check-domains.ts';
import type { Finding, KeyPath } from './finding.ts';
import type { Config } from './schema.ts';

/** Every rule broken between keys; empty when the configuration can be served. */
export function check(config: Config): readonly Finding[] {
  return [checkDomains, checkAccounts, checkPostmaster, checkListeners, checkTrust, checkTls, checkRedis, checkRoutes, checkResolver].flatMap((rule) =>
    rule(config),
  );
}

function checkAccounts(config: Config): Finding[] {
  const seen = new Set<string>();
  const listed = new Set(Object.keys(config.domains).map(canonicalDomain));
  const local = (domain: string) => listed.has(domain) || routedToUs(config, domain);
  return config.accounts.flatMap((account, index) => {
    const path = ['accounts', index, 'address'];
    const parsed = parseAddress(account.address);
    if (!parsed.ok || parsed.value.domain === '') return [notAnAddress(path)];
    if (!local(canonicalDomain(parsed.value.domain)))
      return [{ path, value: true, problem: `expected an address of a local domain; add ${parsed.value.domain} to domains` }];
    const canonical = canonicalAddress(parsed.value);
    if (seen.has(canonical)) return [{ path, value: true, problem: 'expected each account once' }];
    seen.add(canonical);
    return account.password_hash === undefined || HASH.test(account.password_hash)
      ? []
      : [{ path: ['accounts', index, 'password_hash'], value: true, problem: 'expected what `stafette hash-password` prints: $scrypt$N$r$p$salt$hash' }];
  });
}

/** A domain is ours too when a rule of routes says so: the domain, `.suffix`, or `*`. */
function routedToUs({ routes }: Config, domain: string): boolean {
  const labels = domain.split('.');
  const rules = [domain, ...labels.slice(1).map((_, index) => `.${labels.slice(index + 1).join('.')}`), '*'];
  const canonical = new Map(Object.entries(routes).map(([rule, route]) => [canonicalDomain(rule), route.transport]));
  return rules.map((rule) => canonical.get(rule)).find((transport) => transport !== undefined) === 'local';
}

const HASH = /^\$scrypt\$\d+\$\d+\$\d+\$[\w-]+\$[\w-]+$/;

/** RFC 5321 section 4.5.1: postmaster must reach somebody wherever mail comes in, and is told when mail without a return address fails. */
function checkPostmaster(config: Config): Finding[] {
  const path = ['postmaster'];
  if (config.postmaster === undefined) {
    const local = Object.keys(config.domains).length > 0 || Object.values(config.routes).some(({ transport }) => transport === 'local');
    const trusting = [config.ingress, ...config.ingress.listeners].some(({ trusted_networks }) => (trusted_networks ?? []).length > 0);
    if (config.accounts.length > 0 || !(local || trusting)) return [];
    const because = local ? 'there are local domains' : 'trusted networks send mail';
    return [{ path, problem: `expected an address: ${because}, and no account that could be postmaster` }];
  }
  const parsed = parseAddress(config.postmaster);
  if (!parsed.ok || parsed.value.domain === '') return [notAnAddress(path)];
  const { domain } = parsed.value;
  const local = Object.entries(config.domains).find(([name]) => canonicalDomain(name) === canonicalDomain(domain))?.[1];
  if (!local || local.catch_all !== undefined) return [];
  const wanted = canonicalAddress(parsed.value);
  const same = (text: string) => canonicalOf(text) === wanted;
  const known = config.accounts.some((account) => same(account.address)) || Object.keys(local.aliases).some((name) => same(`${name}@${domain}`));
  return known ? [] : [{ path, value: true, problem: `expected an account or alias of ${domain}, or an address elsewhere` }];
}

/** Two servers on one port cannot both start; the wildcard address takes the port of every other. */
function checkListeners(config: Config): Finding[] {
  const servers: { path: KeyPath; address: string; port: number }[] = [
    ...config.ingress.listeners.map(({ address, port }, index) => ({ path: ['ingress', 'listeners', index, 'port'], address, port })),
    ...(['imap', 'pop3'] as const).flatMap((role) =>
      config[role].listeners.map(({ address, port }, index) => ({ path: [role, 'listeners', index, 'port'], address, port })),
    ),
    { path: ['health', 'port'], ...config.health },
    { path: ['admin', 'port'], address: config.admin.address, port: config.admin.port },
  ];
  const wildcard = (address: string) => address === '0.0.0.0' || address === '::';
  const clash = (a: (typeof servers)[number], b: (typeof servers)[number]) =>
    a.port !== 0 && a.port === b.port && (a.address === b.address || wildcard(a.address) || wildcard(b.address));
  return servers.flatMap((server, index) => {
    const other = servers.slice(0, index).find((before) => clash(before, server));
    return other
      ? [{ path: server.path, value: true, problem: `expected a port of its own; ${other.path.join('.')} has ${other.address} port ${other.port} already` }]
      : [];
  });
}

function checkTrust(config: Config): Finding[] {
  const own = config.ingress.listeners.flatMap((listener, index) => {
    const path = ['ingress', 'listeners', index];
    const networks = listener.trusted_networks ?? config.ingress.trusted_networks;
    const proxied = listener.behind_proxy && !listener.proxy_protocol && networks.length > 0;
    const hidden = { path, problem: 'behind_proxy hides the clients’ addresses, so none can be trusted: set proxy_protocol: true or trusted_networks: []' };
    return [...cidrs(listener.trusted_networks ?? [], [...path, 'trusted_networks']), ...(proxied ? [hidden] : [])];
  });
  return [...cidrs(config.ingress.trusted_networks, ['ingress', 'trusted_networks']), ...own, ...checkProxies(config)];
}

/** A PROXY header says who the client is: from anyone but a proxy of ours it says what he likes. */
function checkProxies(config: Config): Finding[] {
  return (['ingress', 'imap', 'pop3'] as const).flatMap((role) =>
    config[role].listeners.flatMap(({ proxy_protocol: proxied, proxy_from: from }, index) => {
      const path = [role, 'listeners', index, 'proxy_from'];
      if (proxied && from.length === 0)
        return [{ path, problem: 'expected the networks of the load balancers: with proxy_protocol, who is believed must be written' }];
      if (!proxied && from.length > 0) return [{ path, problem: 'expected only with proxy_protocol: true' }];
      return cidrs(from, path);
    }),
  );
}

function cidrs(networks: readonly string[], path: KeyPath): Finding[] {
  return networks.flatMap((network, index) => {
    const match = /^([^/]+)\/(\d{1,3})$/.exec(network);
    const width = { 0: -1, 4: 32, 6: 128 }[isIP(match?.[1] ?? '')] ?? -1;
    const at = { path: [...path, index], value: true };
    if (!match || Number(match[2]) > width) return [{ ...at, problem: 'expected a network such as 192.0.2.0/24 or 2001:db8::/32' }];
    return Number(match[2]) === 0 ? [{ ...at, problem: 'expected a network smaller than the whole Internet: this would be an open relay' }] : [];
  });
}

function checkTls(config: Config): Finding[] {
  const { certificate, key } = config.ingress.tls;
  const halves = (certificate === undefined) === (key === undefined) ? [] : [{ path: ['ingress', 'tls'], problem: 'expected certificate and key, or neither' }];
  const plain = config.ingress.listeners.flatMap((listener, index) =>
    listener.kind === 'submission' && listener.tls === 'none'
      ? [
          {
            path: ['ingress', 'listeners', index, 'tls'],
            value: true,
            problem: 'expected starttls or implicit: a submission listener never takes passwords in clear',
          },
        ]
      : [],
  );
  return [...halves, ...plain];
}

function checkRedis({ redis }: Config): Finding[] {
  const ways = (['url', 'sentinels', 'cluster'] as const).filter((way) => redis[way] !== undefined);
  const findings: Finding[] = ways.length > 1 ? [{ path: ['redis'], problem: `expected one of url, sentinels and cluster, not ${ways.join(' and ')}` }] : [];
  for (const way of ['sentinels', 'cluster'] as const) {
    if (redis[way]?.length === 0) findings.push({ path: ['redis', way], value: true, problem: 'expected at least one host:port' });
    if (redis[way] && redis.replicas < 1 && redis.durability === 'strict')
      findings.push({
        path: ['redis', 'replicas'],
        problem: `expected at least 1 with ${way}: a failover would lose acknowledged mail (or write durability: relaxed)`,
      });
  }
  if (ways.length === 0 && redis.replicas > 0)
    findings.push({ path: ['redis', 'replicas'], value: true, problem: 'expected 0: the embedded Redis has no replicas' });
  if (redis.url !== undefined && !(/^(unix:\/\/.|\/.)/.test(redis.url) || (/^rediss?:\/\/./.test(redis.url) && URL.canParse(redis.url))))
    findings.push({ path: ['redis', 'url'], value: true, problem: 'expected redis://HOST:PORT, rediss://HOST:PORT or the absolute path of a Unix socket' });
  return findings;
}

function checkRoutes(config: Config): Finding[] {
  const seen = new Set<string>();
  return Object.entries(config.routes).flatMap(([domain, route]) => {
    const path = ['routes', domain];
    const readable = domain === '*' || parseDomain(domain.replace(/^\./, '')).ok;
    const named = [
      ...(readable ? [] : [{ path, problem: 'expected a domain, .domain for its subdomains, or *' }]),
      ...(isNew(seen, canonicalDomain(domain)) ? [] : [{ path, problem: 'expected each domain once, in whichever case' }]),
    ];
    const clear = route.transport === 'smarthost' && route.credentials !== undefined && route.tls !== 'verify' && route.tls !== 'implicit';
    return clear
      ? [...named, { path: [...path, 'tls'], value: true, problem: 'expected verify or implicit: credentials are sent over verified TLS only' }]
      : named;
  });
}

function checkResolver({ resolver }: Config): Finding[] {
  return resolver.min_ttl <= resolver.max_ttl ? [] : [{ path: ['resolver', 'min_ttl'], value: true, problem: 'expected no more than resolver.max_ttl' }];
}
