// Where the aliases, catch-alls and the postmaster of a configuration lead, as the router finds it: names of ours that nobody has. Pure but for
// the directory it asks. They are no errors: an account may be made later.
import type { Finding, KeyPath } from '#shared/config/finding.ts';
import type { Config } from '#shared/config/schema.ts';
import { createDirectory } from '#shared/directory/config-directory.ts';
import type { Directory } from '#shared/directory/directory.ts';
import type { StoredAccount } from '#shared/directory/sql-accounts.ts';

/** A finding for each address written that is of ours and reaches nobody, with these accounts beside those of the configuration. */
export async function deadEnds(config: Config, accounts: readonly StoredAccount[]): Promise<readonly Finding[]> {
  const stored = new Map(accounts.map((account) => [account.address, account]));
  const directory = createDirectory(() => config, { accounts: { find: (address) => stored.get(address) ?? null } });
  const findings: Finding[] = [];
  for (const { path, address } of written(config)) {
    const { kind } = await directory.lookup(address);
    if (kind === 'unknown') findings.push({ path, value: true, problem: NOBODY });
    else if (kind === 'alias' && !(await hasEnd(directory, address))) findings.push({ path, value: true, problem: ROUND });
  }
  return findings;
}

const NOBODY = 'no account or alias has this name, so its mail is bounced: expected one (`stafette account add` makes one), or an address elsewhere';
const ROUND = 'this leads back to itself, so its mail is bounced: expected an account (`stafette account add` makes one), or an address elsewhere';

function written({ domains, postmaster }: Config): readonly { readonly path: KeyPath; readonly address: string }[] {
  const inDomains = Object.entries(domains).flatMap(([domain, { aliases, catch_all }]) => [
    ...Object.entries(aliases).flatMap(([name, targets]) => {
      const path = ['domains', domain, 'aliases', name];
      return typeof targets === 'string' ? [{ path, address: targets }] : targets.map((address, index) => ({ path: [...path, index], address }));
    }),
    ...(catch_all === undefined ? [] : [{ path: ['domains', domain, 'catch_all'], address: catch_all }]),
  ]);
  return [...inDomains, ...(postmaster === undefined ? [] : [{ path: ['postmaster'], address: postmaster }])];
}

/** Loops of aliases alone are no configuration that loads; a catch-all or the postmaster can close one still. */
async function hasEnd(directory: Directory, start: string): Promise<boolean> {
  const seen = new Set([start]);
  for (const address of seen) {
    const verdict = await directory.lookup(address);
    if (verdict.kind !== 'alias') return true;
    for (const target of verdict.targets) seen.add(target);
  }
  return false;
}
