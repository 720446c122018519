// Aliases that lead back to themselves, by whatever number of others, and those that lead on for too long. Pure; the addresses in `domains`
// have been checked.
import { type Address, canonicalAddress, parseAddress } from '#shared/mail/address.ts';
import type { Finding, KeyPath } from './finding.ts';
import type { Config } from './schema.ts';

/** Aliases of aliases that the router follows. */
export const MAX_ALIAS_DEPTH = 10;

interface Alias {
  readonly name: string;
  readonly path: KeyPath;
  readonly targets: readonly { readonly address: Address; readonly path: KeyPath }[];
}

/** Aliases by canonical address. */
function aliasesOf({ domains }: Config): ReadonlyMap<string, Alias> {
  const read = (text: string) => (parseAddress(text) as { readonly value: Address }).value;
  return new Map(
    Object.entries(domains).flatMap(([domain, { aliases }]) =>
      Object.entries(aliases).map(([local, targets]) => {
        const [path, name] = [['domains', domain, 'aliases', local], canonicalAddress(read(`${local}@${domain}`))];
        const one = typeof targets === 'string';
        return [name, { name, path, targets: [targets].flat().map((text, index) => ({ address: read(text), path: one ? path : [...path, index] })) }];
      }),
    ),
  );
}

/** The alias that an address is, as the directory finds it: an account first, the whole local-part, then without `+tag` (RFC 5233 section 4). */
function aliasAt(aliases: ReadonlyMap<string, Alias>, accounts: ReadonlySet<string | null>, { localPart, domain }: Address): Alias | undefined {
  const plus = localPart.indexOf('+');
  const names = [localPart, ...(plus > 0 ? [localPart.slice(0, plus)] : [])].map((name) => canonicalAddress({ localPart: name, domain }));
  const name = names.find((each) => accounts.has(each) || aliases.has(each));
  return name === undefined || accounts.has(name) ? undefined : aliases.get(name);
}

/** Each target that closes a loop; the router would pass it over, or refuse the mail. Where there is none, each alias that the router would give up. */
export function checkChains(config: Config, accounts: ReadonlySet<string | null>): Finding[] {
  const aliases = aliasesOf(config);
  const left = new Set<Alias>();
  const loops = findLoops(aliases, accounts, left);
  return loops.length > 0 ? loops : tooLong(left, (target) => aliasAt(aliases, accounts, target));
}

/** `left` gets each alias after those that it leads to. Without recursion: a chain may be long. */
function findLoops(aliases: ReadonlyMap<string, Alias>, accounts: ReadonlySet<string | null>, left: Set<Alias>): Finding[] {
  const findings: Finding[] = [];
  for (const start of aliases.values()) {
    if (left.has(start)) continue;
    const way = [{ alias: start, next: 0 }];
    const onWay = new Set([start]);
    for (let step = way.at(-1); step; step = way.at(-1)) {
      const target = step.alias.targets[step.next++];
      if (!target) {
        way.pop();
        onWay.delete(step.alias);
        left.add(step.alias);
        continue;
      }
      const alias = aliasAt(aliases, accounts, target.address);
      if (!alias || left.has(alias)) continue;
      if (onWay.has(alias)) {
        const from = way.findIndex((each) => each.alias === alias);
        findings.push(
          loop(
            target.path,
            [step, ...way.slice(from)].map((each) => each.alias.name),
          ),
        );
      } else {
        way.push({ alias, next: 0 });
        onWay.add(alias);
      }
    }
  }
  return findings;
}

function loop(path: KeyPath, names: readonly string[]): Finding {
  return { path, value: true, problem: `expected an address that does not lead back to this alias: ${shown(names)}` };
}

/** Names of a loop or chain that are shown at most. */
const SHOWN = 6;

function shown(names: readonly string[]): string {
  return (names.length <= SHOWN ? names : [...names.slice(0, SHOWN - 2), '...', ...names.slice(-1)]).join(' > ');
}

/** Of a chain its first alone: what makes that one short enough makes those after it so. */
function tooLong(childrenFirst: ReadonlySet<Alias>, aliasAtTarget: (target: Address) => Alias | undefined): Finding[] {
  const next = new Map<Alias, readonly Alias[]>();
  const longest = new Map<Alias, number>();
  const long = new Map<Alias, readonly Alias[]>();
  for (const alias of childrenFirst) {
    const targets = [...new Set(alias.targets.flatMap(({ address }) => aliasAtTarget(address) ?? []))];
    next.set(alias, targets);
    longest.set(
      alias,
      targets.reduce((most, target) => Math.max(most, 1 + (longest.get(target) ?? 0)), 0),
    );
    const way = (longest.get(alias) ?? 0) < MAX_ALIAS_DEPTH ? null : wayTooLong(alias, next);
    if (way) long.set(alias, way);
  }
  const inside = new Set([...long.keys()].flatMap((alias) => next.get(alias) ?? []));
  return [...long].filter(([alias]) => !inside.has(alias)).map(([{ path }, way]) => ({ path, problem: `${TOO_LONG}: ${shown(way.map(({ name }) => name))}` }));
}

const TOO_LONG = `expected no more than ${MAX_ALIAS_DEPTH} aliases one after the other, or its mail is bounced`;

/** As the router goes: breadth first, so that each alias is met on its shortest way. */
function wayTooLong(start: Alias, next: ReadonlyMap<Alias, readonly Alias[]>): readonly Alias[] | null {
  const met = new Set([start]);
  let ways: (readonly Alias[])[] = [[start]];
  for (let depth = 0; depth < MAX_ALIAS_DEPTH; depth++) {
    ways = ways.flatMap((way) => {
      const fresh = (next.get(way.at(-1) as Alias) ?? []).filter((alias) => !met.has(alias));
      for (const alias of fresh) met.add(alias);
      return fresh.map((alias) => [...way, alias]);
    });
  }
  return ways[0] ?? null;
}
