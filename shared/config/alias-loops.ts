// Aliases that lead back to themselves, by whatever number of others. Pure; the addresses in `domains` have been checked.
import { type Address, canonicalAddress, parseAddress } from '#shared/mail/address.ts';
import type { Finding, KeyPath } from './finding.ts';
import type { Config } from './schema.ts';

interface Alias {
  readonly name: string;
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
        return [name, { name, targets: [targets].flat().map((text, index) => ({ address: read(text), path: one ? path : [...path, index] })) }];
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

/** Each target that closes a loop; the router would pass it over, or refuse the mail. Without recursion: a chain may be long. */
export function checkLoops(config: Config, accounts: ReadonlySet<string | null>): Finding[] {
  const aliases = aliasesOf(config);
  const left = new Set<Alias>();
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

/** Names of a loop that are shown at most. */
const SHOWN = 6;

function loop(path: KeyPath, names: readonly string[]): Finding {
  const shown = names.length <= SHOWN ? names : [...names.slice(0, SHOWN - 2), '...', ...names.slice(-1)];
  return { path, value: true, problem: `expected an address that does not lead back to this alias: ${shown.join(' > ')}` };
}
