// The site of a list of hosts: one name for all domains whose mail goes to the same hosts in the same order. Pure.
import { createHash } from 'node:crypto';
import type { ResolvedHost } from '#shared/protocol/resolution.ts';

const DIGEST_LENGTH = 10;
/** A site stands in keys and metric labels. */
const MAX_NAME = 100;

/**
 * The host's own name when there is one host; else the first of the best preference and a digest of all. Hosts of lower rank count:
 * domains that share connections must agree on every host these may lead to, or one could lead another's mail to its own server.
 * The order of preferences counts and not their numbers, so `10, 20` and `1, 5` are one site.
 */
export function siteOf(hosts: readonly Pick<ResolvedHost, 'name' | 'preference'>[]): string {
  const ranked = [...hosts].sort((a, b) => a.preference - b.preference || (a.name < b.name ? -1 : 1));
  const first = ranked[0];
  if (!first) throw new Error('A site has at least one host');
  if (ranked.length === 1 && first.name.length <= MAX_NAME) return first.name;
  const text = ranked.map((host, at) => `${at > 0 && host.preference === ranked[at - 1]?.preference ? '=' : '<'}${host.name}`).join('');
  return `${first.name.slice(0, MAX_NAME)}+${createHash('sha256').update(text).digest('hex').slice(0, DIGEST_LENGTH)}`;
}
