// The rules of `domains`: names and addresses that are none, names that are one, aliases that nobody ever reaches. Pure.
import { canonicalAddress, canonicalDomain, parseAddress, parseDomain } from '#shared/mail/address.ts';
import { checkChains } from './alias-chains.ts';
import type { Finding, KeyPath } from './finding.ts';
import type { Config } from './schema.ts';

export function checkDomains(config: Config): Finding[] {
  const accounts = new Set(config.accounts.map((account) => canonicalOf(account.address)));
  const [domains, names] = [new Set<string>(), new Set<string | null>()];
  const findings = Object.entries(config.domains).flatMap(([domain, { aliases, catch_all }]) => {
    const path = ['domains', domain];
    const named = parseDomain(domain).ok ? [] : [{ path, problem: 'expected a domain such as example.org' }];
    const again = isNew(domains, canonicalDomain(domain)) ? [] : [{ path, problem: 'expected each domain once, in whichever case' }];
    const caught = catch_all === undefined ? [] : address(catch_all, [...path, 'catch_all']);
    const aliased = Object.entries(aliases).flatMap(([name, targets]) => {
      const [at, canonical] = [[...path, 'aliases', name], canonicalOf(`${name}@${domain}`)];
      const twice = canonical === null || isNew(names, canonical) ? [] : [{ path: at, problem: 'expected each alias once, in whichever case' }];
      return [...checkAlias(domain, name, targets, at), ...twice, ...(accounts.has(canonical) ? [{ path: at, problem: SHADOWED }] : [])];
    });
    return [...named, ...again, ...caught, ...aliased];
  });
  // A loop or a long chain is told once every name can be read.
  return findings.length > 0 ? findings : checkChains(config, accounts);
}

/** Whether the set gets it only now. */
export function isNew<T>(seen: Set<T>, one: T): boolean {
  return !seen.has(one) && seen.add(one).has(one);
}

/** The directory looks for an account first, so the alias would never be followed. */
const SHADOWED = 'expected a name that no account has: the account gets this mail, and the alias none';

/** What is no address equals none; the rule for addresses tells of it. */
export function canonicalOf(text: string): string | null {
  const parsed = parseAddress(text);
  return parsed.ok ? canonicalAddress(parsed.value) : null;
}

function checkAlias(domain: string, name: string, targets: string | readonly string[], path: KeyPath): Finding[] {
  const local = parseAddress(`${name}@${domain}`).ok ? [] : [{ path, problem: 'expected a local-part, the part before the @' }];
  if (typeof targets === 'string') return [...local, ...address(targets, path)];
  if (targets.length === 0) return [...local, { path, problem: 'expected at least one address', value: true }];
  return [...local, ...targets.flatMap((target, index) => address(target, [...path, index]))];
}

function address(text: string, path: KeyPath): Finding[] {
  const parsed = parseAddress(text);
  return parsed.ok && parsed.value.domain !== '' ? [] : [notAnAddress(path)];
}

export function notAnAddress(path: KeyPath): Finding {
  return { path, value: true, problem: 'expected an address such as alice@example.org' };
}
