// The bench: a sink, a relay under test between source and sink, and a directory on the disk under test, put up for one run and
// taken down after it. Every wait has a limit; what is not there by then is an error that says what is missing.
import { tempDir } from '#shared/testing/temp-dir.ts';
import { account } from './accounting.ts';
import { newRunId } from './message.ts';
import type { Scenario, Traffic } from './scenario.ts';
import { type Sink, startSink } from './sink.ts';
import { type Source, startSource } from './source.ts';
import { startPassthrough } from './targets/passthrough.ts';
import { startPostfix } from './targets/postfix.ts';
import { startStafette } from './targets/stafette.ts';
import type { StartTarget, Target } from './targets/target.ts';

export const TARGETS: Readonly<Record<string, StartTarget>> = { stafette: startStafette, postfix: startPostfix, passthrough: startPassthrough };

export interface RunOptions {
  readonly target: string;
  /** Where the target's directory is made. */
  readonly directory: string;
  readonly split?: number;
  /** Shows where the run is. */
  show(text: string): void;
  /** Called when the target is ready. */
  started?(target: Target): void;
  /** Ends the run early. */
  readonly signal: AbortSignal;
}

export interface Bench {
  readonly sink: Sink;
  readonly target: Target;
  /** Rejects at the scenario's limit or when the run is ended early. */
  within<T>(promise: Promise<T>, what: () => string): Promise<T>;
  /** Starts a source of this traffic and counts it at the sink from here on. */
  send(traffic: Traffic, domain: (number: number) => string): Source;
  /** Waits until every recipient is acknowledged and has arrived. */
  complete(source: Source, traffic: Traffic): Promise<void>;
}

/** The domain of destination `index`; with one destination it makes no difference. */
export function domainOf(index: number): string {
  return `d${index}.load.example`;
}

/** Puts up the bench, sends the warm-up, runs `measure`, and takes everything down whatever happens. */
export async function withBench<T>(
  scenario: Scenario,
  options: RunOptions,
  sinkOptions: { readonly destinations: number; readonly tarpitDelay?: number },
  measure: (bench: Bench) => Promise<T>,
): Promise<T> {
  const start = TARGETS[options.target];
  if (!start) throw new Error(`no target ${options.target}; there are ${Object.keys(TARGETS).join(', ')}`);
  await using directory = await tempDir('loadtest', options.directory);
  const sink = await startSink({ messages: 0, run: newRunId(), ...sinkOptions });
  const sources: Source[] = [];
  try {
    options.show(`${scenario.name}: starting ${options.target}`);
    const target = await start({
      directory: directory.path,
      destinations: sink,
      settings: scenario.settings,
      ...(options.split === undefined ? {} : { split: options.split }),
    });
    options.started?.(target);
    try {
      return await measure(benchOf(scenario, options, sink, target, sources));
    } finally {
      for (const source of sources) source.stop();
      await target.stop();
    }
  } finally {
    await sink.close();
  }
}

function benchOf(scenario: Scenario, options: RunOptions, sink: Sink, target: Target, sources: Source[]): Bench {
  const timeUp = AbortSignal.timeout(scenario.kind === 'idle' ? (scenario.settle + scenario.measure + 60) * 1000 : scenario.limit * 1000);
  const over = AbortSignal.any([timeUp, options.signal]);
  const within: Bench['within'] = (promise, what) =>
    new Promise((resolve, reject) => {
      const fail = () => reject(new Error(`${scenario.name}, ${target.name}: ${timeUp.aborted ? 'time is up' : 'ended early'}: ${what()}`));
      if (over.aborted) return fail();
      over.addEventListener('abort', fail, { once: true });
      promise.then(resolve, reject).finally(() => over.removeEventListener('abort', fail));
    });
  const display = (source: Source, messages: number) => {
    const timer = setInterval(() => {
      const { acknowledgements: book } = source;
      const seconds = (performance.now() - book.startedAt) / 1000;
      options.show(
        `${scenario.name}, ${target.name}: ${seconds.toFixed(0)} s, ${book.acknowledged} accepted, ${sink.arrivals().total} delivered of ${messages} messages`,
      );
    }, 250);
    timer.unref();
    return timer;
  };
  return {
    sink,
    target,
    within,
    send({ messages_per_connection, rate, messages, ...traffic }, domain) {
      const run = newRunId();
      sink.reset({ messages, recipients: traffic.recipients, run });
      const source = startSource({
        ...traffic,
        ...(rate === undefined ? {} : { rate }),
        ...(messages_per_connection === undefined ? {} : { messagesPerConnection: messages_per_connection }),
        port: target.port,
        messages,
        run,
        domain,
      });
      sources.push(source);
      return source;
    },
    async complete(source, { messages, recipients }) {
      const timer = display(source, messages);
      const state = () => JSON.stringify({ ...account(source.acknowledgements, sink.arrivals()), lastFailure: source.acknowledgements.lastFailure });
      try {
        await within(source.done, state);
        await within(sink.reached(messages * recipients), state);
      } finally {
        clearInterval(timer);
      }
    },
  };
}
