// A load that gives every role work: each numbered message has a recipient in a mailbox here, one whose hosts the DNS knows, one whose next hop
// refuses it, and one behind a smarthost. It owns sink, name server and source, and reads the mailboxes over IMAP in the end.
import type { ConfigInput } from '#shared/config/schema.ts';
import { freePort } from '#shared/testing/free-port.ts';
import type { Product } from '#shared/testing/product.ts';
import { readLoadNumber } from '../../../loadtest/message.ts';
import type { Arrivals } from '../../../loadtest/sink.ts';
import type { Acknowledgements, Source } from '../../../loadtest/source.ts';
import { ImapClient } from '../../imap/testing/imap-client.ts';
import { judge, type Load, type LoadOptions, prepareLoad, type Reported, type Verdict } from './load.ts';
import { cheapHash, PASSWORD } from './mail-pods.ts';
import { shortLivedDomain, shortLivedSites } from './many-sites.ts';

/** The recipients of a message, by index. What is refused comes back as a DSN, to an address in which the sink reads the same index. */
const [FILED, FOUND, REFUSED] = [0, 1, 2] as const;
export const RECIPIENTS = 4;
const SENDER = `r${REFUSED}@senders.example`;

const MAILBOXES = Array.from({ length: 4 }, (_, index) => `m${index}@mailboxes.example`);
/** Destinations of the sink: the smarthost, the one that refuses, and then the sites. */
const [SMARTHOST, REFUSING, FIRST_SITE] = [0, 1, 2] as const;
const DESTINATIONS = 8;
/** Milliseconds before each reply of a site: a delivery takes time, as it does in the world, and something is always under way. */
const REPLY_DELAY = 20;

export type MailForEveryRole = AsyncDisposable &
  Pick<Load, 'send'> & {
    /** Routes, domains, accounts and name server. */
    readonly config: ConfigInput;
    /** As `judge`, and what became of each kind of recipient. */
    judge(product: Product, source: Source, reported: Reported, within?: number): Promise<VerdictOfEveryKind>;
  };

export type VerdictOfEveryKind = Verdict & {
  /** Acknowledged messages that are in their mailbox here. */
  readonly filed: number;
  /** Copies in a mailbox beyond the first, for which the source did not send again: filing is idempotent, so there are none. */
  readonly filedTwice: number;
  /** Acknowledged messages whose refused recipient was told to the sender, by a DSN that arrived. */
  readonly bounced: number;
};

export async function prepareMailForEveryRole(options: Pick<LoadOptions, 'messages' | 'rate' | 'sessions'>): Promise<MailForEveryRole> {
  await using stack = new AsyncDisposableStack();
  const shape = { recipients: RECIPIENTS, destinations: DESTINATIONS, tarpitDelay: REPLY_DELAY };
  const load = stack.use(await prepareLoad({ ...options, ...shape, sender: SENDER, recipient }));
  const { sink } = load;
  await sink.setMode('reject', REFUSING);
  for (let index = FIRST_SITE; index < DESTINATIONS; index++) await sink.setMode('tarpit', index);
  const sites = stack.use(await shortLivedSites(sink.addresses.slice(FIRST_SITE), sink.port));
  const imap = await freePort();
  const hopAt = (index: number) => ({ transport: 'smarthost' as const, host: sink.addresses[index] ?? '', port: sink.port, tls: 'none' as const });
  const config: ConfigInput = {
    routes: { ...sites.config.routes, 'refusing.example': hopAt(REFUSING), '*': hopAt(SMARTHOST) },
    resolver: sites.config.resolver,
    domains: { 'mailboxes.example': {} },
    accounts: MAILBOXES.map((address) => ({ address, password_hash: cheapHash() })),
    imap: { listeners: [{ port: imap, clear_passwords: true }] },
    delivery: { retry: ['1s'], circuit: ['1s'] },
  };
  const whole: Load = { ...load, atSink: RECIPIENTS - 1, arrivals: () => withFiled(sink.arrivals(), imap) };
  const owned = stack.move();
  return {
    ...{ config, send: load.send },
    async judge(product, source, reported, within) {
      const verdict = await judge(product, whole, source, reported, within);
      return { ...verdict, ...ofEachKind(source.acknowledgements, await whole.arrivals()) };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function recipient(number: number, index: number): string {
  if (index === FILED) return MAILBOXES[number % MAILBOXES.length] ?? '';
  return `r${index}@${index === FOUND ? shortLivedDomain(number) : index === REFUSED ? 'refusing.example' : 'elsewhere.example'}`;
}

/** What arrived at the sink, and beside it what the mailboxes hold. */
async function withFiled(arrivals: Arrivals, port: number): Promise<Arrivals> {
  const counts = arrivals.counts.slice();
  for (const account of MAILBOXES) {
    for (const number of await numbersIn(port, account, arrivals.run)) {
      const at = number * RECIPIENTS + FILED;
      counts[at] = (counts[at] ?? 0) + 1;
    }
  }
  return { ...arrivals, counts };
}

const FETCHED = /^X-Load-Number: /m;

async function numbersIn(port: number, account: string, run: string): Promise<readonly number[]> {
  await using client = await ImapClient.connect({ port, patience: 30_000 });
  await client.ok(`LOGIN ${account} "${PASSWORD}"`);
  await client.ok('EXAMINE INBOX');
  const found = await client.ok('UID FETCH 1:* (BODY.PEEK[HEADER.FIELDS (X-Load-Number)])');
  return found.flatMap((line) => {
    const field = FETCHED.exec(line);
    const load = field && readLoadNumber(Buffer.from(line), field.index + field[0].length);
    return load?.run === run ? [load.number] : [];
  });
}

function ofEachKind(source: Acknowledgements, { counts }: Arrivals): Pick<VerdictOfEveryKind, 'filed' | 'filedTwice' | 'bounced'> {
  const sums = { filed: 0, filedTwice: 0, bounced: 0 };
  for (const [number, at] of source.acknowledgedAt.entries()) {
    const copies = (index: number) => counts[number * RECIPIENTS + index] ?? 0;
    sums.filedTwice += Math.max(0, copies(FILED) - 1 - (source.uncertain[number] ?? 0));
    if (at === 0) continue;
    if (copies(FILED) > 0) sums.filed += 1;
    if (copies(REFUSED) > 0) sums.bounced += 1;
  }
  return sums;
}
