// Numbered messages through a product into a counting sink, and the judgement: what was acknowledged arrived, and what arrived twice is
// explained by what the product reports as possibly sent or in doubt. It owns the sink and the source.
import { type Account, account } from '../../../loadtest/accounting.ts';
import { newRunId } from '../../../loadtest/message.ts';
import { type Sink, type SinkOptions, startSink } from '../../../loadtest/sink.ts';
import { type Source, type SourceOptions, startSource } from '../../../loadtest/source.ts';
import type { ConfigInput } from '#shared/config/schema.ts';
import { eventually } from '#shared/testing/eventually.ts';
import type { Product } from '#shared/testing/product.ts';

export type LoadOptions = Pick<SourceOptions, 'messages'> &
  Partial<Pick<SourceOptions, 'size' | 'sessions' | 'rate' | 'domain' | 'messagesPerConnection' | 'recipients' | 'retryDelay'>> &
  Pick<SinkOptions, 'destinations' | 'tarpitDelay' | 'cutEvery'>;

export type Load = AsyncDisposable & {
  readonly sink: Sink;
  /** A configuration's routes: everything to the sink as a smarthost. */
  readonly routes: Pick<ConfigInput, 'routes'>;
  /** Starts sending to the product. */
  send(product: Product): Source;
};

/** The account, and what the product says about copies it may have made. */
export type Verdict = Account & {
  readonly failures: number;
  readonly refused: number;
  readonly possiblySent: number;
  readonly inDoubt: number;
};

/** A sink that waits for this load. */
export async function prepareLoad(options: LoadOptions): Promise<Load> {
  const run = newRunId();
  const sink = await startSink({ ...options, run });
  const sources: Source[] = [];
  return {
    sink,
    routes: { routes: { '*': { transport: 'smarthost', host: '127.0.0.1', port: sink.port, tls: 'none' } } },
    send(product) {
      const source = startSource({ size: 2048, sessions: 50, replyTimeout: 120_000, ...options, run, port: product.smtp });
      sources.push(source);
      // A test that fails elsewhere reports that, not the source that it stops.
      source.done.catch(() => {});
      return source;
    },
    async [Symbol.asyncDispose]() {
      for (const source of sources) source.stop();
      await sink.close();
    },
  };
}

/** Waits until all is acknowledged and the product's queue is empty, then holds one against the other. `within` milliseconds for each. */
export async function judge(product: Product, { sink }: Load, source: Source, within = 60_000): Promise<Verdict> {
  const { acknowledgements } = source;
  const all = acknowledgements.acknowledgedAt.length;
  await eventually(
    () => {
      if (acknowledgements.acknowledged + acknowledgements.refused < all) throw new Error(`${acknowledgements.acknowledged} of ${all} acknowledged; ${acknowledgements.lastFailure}`);
      return true;
    },
    { within, every: 50 },
  );
  await source.done;
  // The queue is empty when its last message's outcome is committed; a lost message leaves it empty too, and is found by the account.
  await eventually(
    async () => {
      const left = await product.metric('spool_messages');
      const { distinct } = sink.arrivals();
      if (left > 0 || distinct < acknowledgements.acknowledged) throw new Error(`${left} queued, ${distinct} of ${acknowledgements.acknowledged} arrived`);
      return true;
    },
    { within, every: 100 },
  ).catch((error: Error) => {
    // Lost messages never arrive: the account says which.
    if (!/^Not within \d+ ms: 0 queued/.test(error.message)) throw error;
  });
  const { failures, refused } = acknowledgements;
  return { ...account(acknowledgements, sink.arrivals()), failures, refused, ...reported(product) };
}

/** Copies that the product admits, from the log: counters die with their process, lines do not. */
function reported(product: Product): Pick<Verdict, 'possiblySent' | 'inDoubt'> {
  const lines = product.log();
  const suspects = lines.flatMap(({ msg, entries }) => (msg === 'possibly sent by an activation that died' ? (entries as readonly string[]) : []));
  const cut = lines.filter(({ msg, inDoubt }) => msg === 'attempt' && inDoubt === true);
  return { possiblySent: suspects.length, inDoubt: cut.length };
}
