// From envelope recipients to delivery recipients (RFC 5321 section 3.9): aliases followed to their ends, each end once, with its route.
// Pure but for the directory it asks. What cannot be expanded is a `failed` fate, never a throw; time and size are bounded.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { MAX_ALIAS_DEPTH } from '#shared/config/alias-chains.ts';
import type { Route } from '#shared/config/schema.ts';
import type { Directory, RecipientVerdict } from '#shared/directory/directory.ts';
import { canonicalAddress, domainOf, isAscii, parseAddress } from '#shared/mail/address.ts';
import type { EnvelopeRecipient, Notify } from '#shared/mail/envelope.ts';
import type { MessageHead } from '#shared/spool/record.ts';

/** RFC 5321 section 6.3 asks for at least 100 before a message counts as looping. */
export const MAX_HOPS = 100;
/** Addresses that one envelope recipient may become. */
export const MAX_RESULTS = 10_000;
/** Addresses of aliases looked at for one message: bounds the time that a hostile envelope can take. */
export const MAX_LOOKUPS = 50_000;
/** A list is expanded in turns, so that leases are renewed meanwhile. */
const LOOKUPS_PER_TURN = 500;

/** Where the mail for one address goes. */
export type Fate =
  | { readonly kind: 'local' }
  | { readonly kind: 'route'; readonly route: Route }
  | { readonly kind: 'failed'; readonly status: string; readonly diagnostic: string }
  /** Not an address to deliver to: tells the sender that the alias became several (RFC 3461 section 5.2.7). */
  | { readonly kind: 'expanded' };

/** One address to deliver to, and why. */
export interface Expanded {
  readonly address: string;
  /** Canonical. */
  readonly domain: string;
  /** Number of the envelope recipient it came from. */
  readonly of: number;
  readonly notify?: readonly Notify[];
  readonly orcpt?: string;
  /** The aliases and the route, in order. */
  readonly rule: string;
  readonly fate: Fate;
}

/** An end of the tree of aliases. */
type Leaf = Omit<Expanded, 'of' | 'notify' | 'orcpt'>;

/** The new ends of one envelope recipient; `several` when its alias has more than one end, known before or not. */
interface Tree {
  readonly leaves: readonly Leaf[];
  readonly several: boolean;
}

type Alias = Extract<RecipientVerdict, { kind: 'alias' }>;

interface Expansion {
  readonly directory: Directory;
  /** Ends by their key: each gets the message once, whichever way leads there. */
  readonly ends: Set<string>;
  /** Aliases followed to their ends, by canonical address. */
  readonly followed: Set<string>;
  readonly deliveredTo: ReadonlySet<string>;
  lookups: number;
  readonly maxLookups: number;
}

/**
 * Expands the recipients of a message in the order of the envelope. An address that several recipients lead to comes once, with the DSN
 * parameters of the first. A recipient whose aliases never end, or that becomes too many, fails as a whole.
 */
export async function expandRecipients(head: MessageHead, directory: Directory): Promise<readonly Expanded[]> {
  const { recipients } = head.envelope;
  if (head.hops >= MAX_HOPS)
    return recipients.map((recipient, of) => withDsn(failedLeaf(recipient.address, 'hops', '5.4.6', `Too many hops (${head.hops})`), recipient, of));
  const deliveredTo = new Set((head.deliveredTo ?? []).map(keyOf));
  const expansion: Expansion = { directory, ends: new Set(), followed: new Set(), deliveredTo, lookups: 0, maxLookups: MAX_LOOKUPS + recipients.length };
  const expanded: Expanded[] = [];
  for (let of = 0; of < recipients.length; of++) {
    const recipient = recipients[of] as EnvelopeRecipient;
    const { address } = recipient;
    const found = lookUp(expansion, address);
    const verdict = found instanceof Promise ? await found : found;
    if (verdict?.kind === 'alias') {
      expanded.push(...withDsnOfAll(await followAlias(expansion, address, verdict), recipient, of));
      continue;
    }
    // Most recipients are an address and no alias.
    const leaf = verdict
      ? leafOf(expansion, address, verdict, '')
      : failedLeaf(address, 'limit', '5.2.4', 'The recipients of this message expand to too many addresses');
    if (isNew(expansion, leaf)) expanded.push(withDsn(leaf, recipient, of));
  }
  return expanded;
}

interface Pending {
  readonly address: string;
  readonly depth: number;
  readonly rule: string;
}

/** Walks the tree of aliases breadth first, so that an address is found by its shortest way. What leads back is passed over: its ends are known. */
async function followAlias(expansion: Expansion, start: string, first: Alias): Promise<Tree> {
  const fail = (status: string, diagnostic: string) => newTree(expansion, [failedLeaf(start, first.rule, status, diagnostic)]);
  const followed = new Set([keyOf(start)]);
  const leaves = new Map<string, Leaf>();
  let known = expansion.followed.has(keyOf(start)) ? 2 : 0;
  const pending: Pending[] = known ? [] : first.targets.map((address) => ({ address, depth: 1, rule: first.rule }));
  for (let at = 0; at < pending.length; at++) {
    const { address, depth, rule } = pending[at] as Pending;
    const key = keyOf(address);
    if (expansion.followed.has(key)) known += 2;
    if (followed.has(key) || expansion.followed.has(key)) continue;
    const verdict = await lookUp(expansion, address);
    if (verdict === null || leaves.size >= MAX_RESULTS || pending.length > MAX_LOOKUPS) return fail('5.2.4', `Expands to more than ${MAX_RESULTS} addresses`);
    if (verdict.kind === 'alias') {
      if (depth >= MAX_ALIAS_DEPTH) return fail('5.4.6', `Aliases are nested more than ${MAX_ALIAS_DEPTH} deep`);
      followed.add(key);
      for (const target of verdict.targets) pending.push({ address: target, depth: depth + 1, rule: `${rule} > ${verdict.rule}` });
    } else {
      const leaf = leafOf(expansion, address, verdict, rule);
      leaves.set(leafKey(leaf), leaf);
    }
  }
  if (leaves.size + known === 0) return fail('5.4.6', 'This alias leads back to itself');
  for (const key of followed) expansion.followed.add(key);
  return newTree(expansion, [...leaves.values()], leaves.size + known > 1);
}

/** Null when this message has had its share; a promise where the directory has to ask, or others have their turn. */
function lookUp(expansion: Expansion, address: string): RecipientVerdict | null | Promise<RecipientVerdict> {
  if (++expansion.lookups > expansion.maxLookups) return null;
  if (expansion.lookups % LOOKUPS_PER_TURN === 0) return nextTurn().then(() => expansion.directory.lookup(address));
  return expansion.directory.lookup(address);
}

/** Without the ends that were reached before. */
function newTree(expansion: Expansion, leaves: readonly Leaf[], several = false): Tree {
  return { leaves: leaves.filter((leaf) => isNew(expansion, leaf)), several };
}

function isNew({ ends }: Expansion, leaf: Leaf): boolean {
  const known = ends.size;
  return ends.add(leafKey(leaf)).size > known;
}

function leafOf(expansion: Expansion, address: string, verdict: Exclude<RecipientVerdict, Alias>, rule: string): Leaf {
  switch (verdict.kind) {
    case 'account':
      return localLeaf(expansion, verdict.account.address, join(rule, 'account'));
    case 'unknown':
      return failedLeaf(address, join(rule, 'unknown'), '5.1.1', 'No such mailbox here');
    case 'foreign': {
      const domain = domainOf(address);
      const found = expansion.directory.route(domain);
      if (found.route.transport === 'local') return localLeaf(expansion, address, join(rule, `route ${found.rule}`));
      return { address, domain, rule: join(rule, `route ${found.rule}`), fate: { kind: 'route', route: found.route } };
    }
  }
}

/** Delivered-To names who had this message before: the second time is a loop. */
function localLeaf(expansion: Expansion, address: string, rule: string): Leaf {
  if (expansion.deliveredTo.size > 0 && expansion.deliveredTo.has(keyOf(address)))
    return failedLeaf(address, rule, '5.4.6', 'Mail forwarding loop: already delivered to this address');
  return { address, domain: domainOf(address), rule, fate: { kind: 'local' } };
}

function failedLeaf(address: string, rule: string, status: string, diagnostic: string): Leaf {
  return { address, domain: domainOf(address), rule, fate: { kind: 'failed', status, diagnostic } };
}

function withDsnOfAll({ leaves, several }: Tree, recipient: EnvelopeRecipient, of: number): Expanded[] {
  if (!several || !recipient.notify?.includes('success')) return leaves.map((leaf) => withDsn(leaf, recipient, of));
  // RFC 3461 section 5.2.7: one DSN says that the alias was reached; its members' successes are not the sender's to know.
  const rest = recipient.notify.filter((event) => event !== 'success');
  const members = { ...recipient, notify: rest.length > 0 ? rest : (['never'] as const) };
  const told: Leaf = { address: recipient.address, domain: domainOf(recipient.address), rule: leaves[0]?.rule ?? '', fate: { kind: 'expanded' } };
  return [withDsn(told, recipient, of), ...leaves.map((leaf) => withDsn(leaf, members, of))];
}

/** NOTIFY and ORCPT go with the address; an alias leaves what the sender wrote as ORCPT (RFC 3461 section 5.2.7). */
function withDsn(leaf: Leaf, { address, notify, orcpt }: EnvelopeRecipient, of: number): Expanded {
  const original = orcpt ?? (leaf.address !== address && isAscii(address) ? `rfc822;${address}` : undefined);
  return { ...leaf, of, ...(notify && { notify }), ...(original !== undefined && { orcpt: original }) };
}

function join(rule: string, last: string): string {
  return rule === '' ? last : `${rule} > ${last}`;
}

/** The form in which addresses of ours are the same; what is no address equals only itself. */
function keyOf(address: string): string {
  const parsed = parseAddress(address);
  return parsed.ok ? canonicalAddress(parsed.value) : address;
}

/** RFC 5321 section 2.4: in a foreign local-part case may matter, so there only equal letters are the same. */
function leafKey({ address, domain, fate }: Leaf): string {
  if (fate.kind !== 'route') return keyOf(address);
  return address.endsWith(domain) ? address : `${address.slice(0, address.lastIndexOf('@'))}@${domain}`;
}
