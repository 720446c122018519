// Numbered messages through a product into a counting sink, and the judgement: what was acknowledged arrived, and what arrived twice is
// explained by what the product reports as possibly sent or in doubt. It owns the sink and the source.
import { setTimeout as pause } from 'node:timers/promises';
import type { ConfigInput } from '#shared/config/schema.ts';
import { eventually } from '#shared/testing/eventually.ts';
import type { Product } from '#shared/testing/product.ts';
import { type Account, account } from '../../../loadtest/accounting.ts';
import { newRunId } from '../../../loadtest/message.ts';
import { type Arrivals, type Sink, type SinkOptions, startSink } from '../../../loadtest/sink.ts';
import { type Source, type SourceOptions, startSource } from '../../../loadtest/source.ts';

export type LoadOptions = Pick<SourceOptions, 'messages'> &
  Partial<Pick<SourceOptions, 'size' | 'sessions' | 'rate' | 'domain' | 'sender' | 'recipient' | 'messagesPerConnection' | 'recipients' | 'retryDelay'>> &
  Pick<SinkOptions, 'destinations' | 'tarpitDelay' | 'cutEvery'> & {
    /** The sink compares each message with what was sent. */
    readonly checked?: boolean;
  };

export type Load = AsyncDisposable & {
  readonly sink: Sink;
  /** A configuration's routes: everything to the sink as a smarthost. */
  readonly routes: Pick<ConfigInput, 'routes'>;
  /** Starts sending to the product. */
  send(product: Product): Source;
  /** Recipients of each message whose mail comes to the sink. */
  readonly atSink: number;
  /** All that arrived, at the sink and elsewhere. */
  arrivals(): Promise<Arrivals>;
};

/** The account, and what the product says about copies that deliveries may have made. */
export type Verdict = Account & {
  readonly failures: number;
  readonly refused: number;
  readonly possiblySent: number;
  readonly inDoubt: number;
};

/** A sink that waits for this load. */
export async function prepareLoad({ checked = false, size = 2048, ...options }: LoadOptions): Promise<Load> {
  const run = newRunId();
  const sink = await startSink({ ...options, run, ...(checked && { size }) });
  const sources: Source[] = [];
  return {
    sink,
    routes: { routes: { '*': { transport: 'smarthost', host: '127.0.0.1', port: sink.port, tls: 'none' } } },
    send(product) {
      const source = startSource({ size, sessions: 50, replyTimeout: 120_000, ...options, run, port: product.smtp });
      sources.push(source);
      // A test that fails elsewhere reports that, not the source that it stops.
      source.done.catch(() => {});
      return source;
    },
    atSink: options.recipients ?? 1,
    arrivals: async () => sink.arrivals(),
    async [Symbol.asyncDispose]() {
      for (const source of sources) source.stop();
      await sink.close();
    },
  };
}

/**
 * Waits until all is acknowledged (or takes what is, after `source.stop()`) and the product's queue is empty, then holds one against the
 * other. `within` milliseconds for each wait.
 */
export async function judge(product: Product, load: Load, source: Source, reported: Reported, within = 60_000): Promise<Verdict> {
  const { sink, atSink } = load;
  const { acknowledgements } = source;
  await Promise.race([source.done, tooLate(within, () => `${acknowledgements.acknowledged} acknowledged; ${acknowledgements.lastFailure}`)]);
  // The queue is empty when its last message's outcome is committed; a lost message leaves it empty too, and is found by the account.
  const left = async () => {
    const queued = await product.metric('spool_messages');
    if (queued > 0) throw new Error(`${queued} messages are still queued, ${sink.arrivals().distinct} of ${acknowledgements.acknowledged} have arrived`);
    return true;
  };
  const arrived = () => sink.arrivals().distinct >= acknowledgements.acknowledged * atSink;
  await eventually(arrived, { within, every: 50 }).catch(() => {}); // lost ones never arrive: the account says which
  await eventually(left, { within, every: 100 });
  const { failures, refused } = acknowledgements;
  return { ...account(acknowledgements, await load.arrivals()), failures, refused, ...(await reported.end()) };
}

/** Enough to be in the middle of a load: messages acknowledged before what happens, and after it. */
const SOME = 300;

/** Sends without end; in the middle `happen` happens, and mail must go on after it. Then the judgement. */
export async function judgeThrough(product: Product, load: Load, reported: Reported, happen: () => Promise<void>): Promise<Verdict> {
  const source = load.send(product);
  const { acknowledgements } = source;
  await eventually(() => acknowledgements.acknowledged > SOME, { within: 30_000 });
  await happen();
  const before = acknowledgements.acknowledged;
  await eventually(() => acknowledgements.acknowledged > before + SOME, { within: 60_000 });
  source.stop();
  return await judge(product, load, source, reported);
}

/** The role that sends: what a resolver had in hand explains no copy. */
const SENDS = 'remote-delivery';

/** What the product admits while it runs and its processes come and go. */
export type Reported = Disposable & { end(): Promise<Pick<Verdict, 'possiblySent' | 'inDoubt'>> };

/**
 * Adds up the product's counters across deaths of its processes: a counter that falls has lost a process and counts on from there. What a
 * process counts in its last moment is missed, so the sum never flatters. Log lines count what counters lost.
 */
export function watchReports(product: Product): Reported {
  const sums = { possibly_sent_total: 0, in_doubt_total: 0 };
  const last = { ...sums };
  const look = async () => {
    for (const [name, labels] of [['possibly_sent_total', `role="${SENDS}"`], ['in_doubt_total']] as const) {
      const now = await product.metric(name, labels);
      sums[name] += Math.max(0, now - last[name]);
      last[name] = now;
    }
  };
  let looking = Promise.resolve();
  const timer = setInterval(() => {
    looking = looking.then(look).catch(() => {}); // not running just now
  }, 250);
  return {
    [Symbol.dispose]: () => clearInterval(timer),
    async end() {
      clearInterval(timer);
      await looking;
      await look();
      const died = product.log().filter(({ msg, mailbox }) => msg === 'possibly sent by an activation that died' && String(mailbox).startsWith(`${SENDS}:`));
      const logged = died.flatMap(({ entries }) => entries as readonly string[]);
      return { possiblySent: Math.max(sums.possibly_sent_total, logged.length), inDoubt: sums.in_doubt_total };
    },
  };
}

async function tooLate(within: number, state: () => string): Promise<never> {
  await pause(within, undefined, { ref: false });
  throw new Error(`not all was acknowledged within ${within} ms: ${state()}`);
}
