// The directory as the configuration tells it: domains, accounts, aliases and routes compiled into maps, again whenever the
// configuration was replaced; and behind it the accounts of a database. Owns only the maps. A malformed address in the configuration is a
// bug of its check: a throw. A database that is away is a throw too.
import { hostname } from 'node:os';
import type { Config, Route } from '#shared/config/schema.ts';
import { type Address, canonicalAddress, canonicalDomain, domainOf, formatAddress, parseAddress } from '#shared/mail/address.ts';
import { type Clock, systemClock } from '#shared/telemetry/clock.ts';
import type { AccountSource } from './account-source.ts';
import type { Account, Directory, RecipientVerdict } from './directory.ts';
import { createPasswordVerifier, type PasswordVerifier } from './password-verifier.ts';

/** Which domains are ours, and where the mail for others goes. */
interface Names {
  readonly domains: ReadonlySet<string>;
  /** By canonical domain, `.domain`, or `*`. */
  readonly routes: ReadonlyMap<string, { readonly route: Route; readonly rule: string }>;
}

interface Compiled extends Names {
  readonly config: Config;
  /** By canonical address. */
  readonly accounts: ReadonlyMap<string, { readonly account: Account; readonly passwordHash: string | undefined }>;
  readonly aliases: ReadonlyMap<string, readonly string[]>;
  /** Domains of those two. */
  readonly named: ReadonlySet<string>;
  /** By canonical domain. */
  readonly catchAlls: ReadonlyMap<string, string>;
  readonly postmaster: string | undefined;
  readonly hostname: string;
}

export interface DirectoryParts {
  /** Accounts besides those of the configuration: asked only for names of ours that it does not have. */
  readonly accounts?: AccountSource;
  /** Whether the mailbox of the account with this canonical address has no room: asked only where there can be a limit. */
  readonly isFull?: (address: string, size: number) => boolean | Promise<boolean>;
  readonly clock?: Pick<Clock, 'monotonic'>;
}

/** A directory over the configuration in force: each call reads `config()`, so a reload shows at once. */
export function createDirectory(config: () => Config, { accounts = NO_ACCOUNTS, isFull = () => false, clock = systemClock }: DirectoryParts = {}): Directory {
  const passwords = createPasswordVerifier({ clock });
  let compiled = compile(config());
  const current = () => {
    const now = config();
    if (now !== compiled.config) compiled = compile(now);
    return compiled;
  };
  return {
    isLocalDomain: (domain) => isLocal(current(), canonicalDomain(domain)),
    lookup: (address) => lookup(current(), accounts, address),
    async isFull({ address }, size) {
      const { config, accounts: named } = current();
      const { quota, quota_messages: messages } = config.mailstore;
      if (quota > 0 || messages > 0) return isFull(address, size);
      // Only accounts of the database can have a quota of their own.
      return !named.has(address) && (await accounts.find(address))?.limited === 1 && isFull(address, size);
    },
    authenticate: (user, password) => authenticate(current(), accounts, passwords, user, password),
    route: (domain) => findRoute(current(), canonicalDomain(domain)),
  };
}

const NO_ACCOUNTS: AccountSource = { find: () => null };

function compile(config: Config): Compiled {
  const accounts = config.accounts.map(({ address, password_hash }) => ({ account: { address: canonical(address) }, passwordHash: password_hash }));
  const domains = Object.entries(config.domains).map(([domain, rules]) => ({ domain: canonicalDomain(domain), ...rules }));
  const routes = new Map(Object.entries(config.routes).map(([rule, route]) => [canonicalDomain(rule), { route, rule }]));
  const names = { domains: new Set(domains.map(({ domain }) => domain)), routes };
  const target = (text: string) => targetOf(names, text);
  const aliases = domains.flatMap(({ domain, aliases }) =>
    Object.entries(aliases).map(([local, targets]) => [canonical(`${local}@${domain}`), [targets].flat().map(target)] as const),
  );
  return {
    config,
    accounts: new Map(accounts.map((entry) => [entry.account.address, entry])),
    aliases: new Map(aliases),
    named: new Set([...accounts.map(({ account }) => domainOf(account.address)), ...aliases.map(([address]) => domainOf(address))]),
    catchAlls: new Map(domains.flatMap(({ domain, catch_all }) => (catch_all === undefined ? [] : [[domain, target(catch_all)]]))),
    ...names,
    postmaster: config.postmaster === undefined ? accounts[0]?.account.address : target(config.postmaster),
    hostname: canonicalDomain(config.hostname ?? hostname()),
  };
}

function canonical(text: string): string {
  return canonicalAddress(parsed(text));
}

function parsed(text: string): Address {
  const address = parseAddress(text);
  if (!address.ok) throw new Error(`not an address in the configuration: ${JSON.stringify(text)}`);
  return address.value;
}

/** Where an alias leads: canonical when it is ours. RFC 5321 section 2.4: the case of a foreign local-part is not ours to change. */
function targetOf(names: Names, text: string): string {
  const address = parsed(text);
  const domain = canonicalDomain(address.domain);
  return isLocal(names, domain) ? canonicalAddress(address) : formatAddress({ localPart: address.localPart, domain });
}

/** Ours: listed, or routed to `local`. */
function isLocal(compiled: Names, domain: string): boolean {
  return compiled.domains.has(domain) || findRoute(compiled, domain).route.transport === 'local';
}

const UNKNOWN = { kind: 'unknown' } as const;
const FOREIGN = { kind: 'foreign' } as const;

/** What the configuration names is found without asking the database, and what is not ours never asks it. */
function lookup(compiled: Compiled, accounts: AccountSource, text: string): RecipientVerdict | Promise<RecipientVerdict> {
  const parsed = parseAddress(text);
  if (!parsed.ok) return UNKNOWN;
  const address = parsed.value;
  const domain = canonicalDomain(address.domain);
  const isOurs = isLocal(compiled, domain);
  if (!isOurs && !compiled.named.has(domain)) return postmaster(compiled, address) ?? FOREIGN;
  const named = exact(compiled, address);
  if (named) return named;
  if (isOurs) return lookupStored(compiled, accounts, address, domain);
  const user = withoutTag(address);
  return (user && exact(compiled, user)) ?? postmaster(compiled, address) ?? FOREIGN;
}

/** A name in a domain of ours that the configuration does not have. */
async function lookupStored(compiled: Compiled, accounts: AccountSource, address: Address, domain: string): Promise<RecipientVerdict> {
  const user = withoutTag(address);
  return (
    (await stored(accounts, address)) ??
    (user && (exact(compiled, user) ?? (await stored(accounts, user)))) ??
    postmaster(compiled, address) ??
    notItself(compiled.catchAlls.get(domain), address, `catch-all ${domain}`) ??
    UNKNOWN
  );
}

/** An account before an alias of the same name: an alias can add addresses, not take one away. */
function exact(compiled: Compiled, address: Address): RecipientVerdict | null {
  const key = canonicalAddress(address);
  const entry = compiled.accounts.get(key);
  if (entry) return { kind: 'account', account: entry.account };
  const targets = compiled.aliases.get(key);
  return targets ? { kind: 'alias', targets, rule: `alias ${key}` } : null;
}

async function stored(accounts: AccountSource, address: Address): Promise<RecipientVerdict | null> {
  const found = await accounts.find(canonicalAddress(address));
  return found && { kind: 'account', account: { address: found.address } };
}

/** `user+tag` is `user` (RFC 5233 section 4), unless it is a name of its own. */
function withoutTag({ localPart, domain }: Address): Address | null {
  const plus = localPart.indexOf('+');
  return plus > 0 ? { localPart: localPart.slice(0, plus), domain } : null;
}

/** RFC 5321 section 4.5.1: alone, at each domain of ours, and at our own host name. */
function postmaster(compiled: Compiled, address: Address): RecipientVerdict | null {
  if (address.localPart.length !== 'postmaster'.length || address.localPart.toLowerCase() !== 'postmaster') return null;
  const domain = canonicalDomain(address.domain);
  const ours = domain === '' || domain === compiled.hostname || isLocal(compiled, domain);
  return ours ? notItself(compiled.postmaster, address, 'postmaster') : null;
}

/** A single target as an alias, unless it leads back to the address it came from. */
function notItself(target: string | undefined, address: Address, rule: string): RecipientVerdict | null {
  return target === undefined || canonical(target) === canonicalAddress(address) ? null : { kind: 'alias', targets: [target], rule };
}

/** An account of the configuration without a password of its own may have one in the database. */
async function authenticate(compiled: Compiled, accounts: AccountSource, passwords: PasswordVerifier, user: string, password: string): Promise<Account | null> {
  const address = parseAddress(user);
  const key = address.ok ? canonicalAddress(address.value) : null;
  const named = key === null ? undefined : compiled.accounts.get(key);
  const found = key === null || named?.passwordHash !== undefined ? null : await accounts.find(key);
  const verified = await passwords.verify(password, named?.passwordHash ?? found?.passwordHash ?? undefined);
  if (!verified) return null;
  return named?.account ?? (found && { address: found.address });
}

const BY_DNS = { route: { transport: 'dns' }, rule: 'default' } as const;

/** The most specific rule: the domain, then `.suffix` from the longest, then `*`. */
function findRoute(compiled: Names, domain: string): { readonly route: Route; readonly rule: string } {
  const found = compiled.routes.get(domain);
  if (found) return found;
  for (let dot = domain.indexOf('.'); dot >= 0; dot = domain.indexOf('.', dot + 1)) {
    const suffix = compiled.routes.get(domain.slice(dot));
    if (suffix) return suffix;
  }
  return compiled.routes.get('*') ?? BY_DNS;
}
