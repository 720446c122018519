// OpenTelemetry: everything that happens to one message, from MAIL FROM to its last outcome, is one trace. With every role in this
// process, an SDK that remembers spans, a next hop that first defers, and a recipient who fails, so that a DSN comes home.
import { type Span, trace } from '@opentelemetry/api';
import { BasicTracerProvider, InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { pino } from 'pino';
import { afterEach, expect, test } from 'vitest';
import { schema } from '#shared/config/schema.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { startNameServer } from '#shared/testing/name-server.ts';
import { startRedis } from '#shared/testing/redis.ts';
import { startSink } from '#shared/testing/sink.ts';
import { tempDir } from '#shared/testing/temp-dir.ts';
import { PLAYED } from '../roles.ts';
import { startRoles } from '../supervisor/role-process.ts';
import { send } from './testing/talk.ts';

afterEach(() => trace.disable());

test('a message that is deferred, relayed, and half of it bounced, is one trace', { timeout: 60_000 }, async () => {
  const exporter = new InMemorySpanExporter();
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
  const spans = () => exporter.getFinishedSpans();
  const named = (name: string) => spans().filter((span) => span.name === name);

  await using stack = new AsyncDisposableStack();
  const redis = stack.use(await startRedis());
  const directory = stack.use(await tempDir('one-trace'));
  const names = stack.use(await startNameServer());
  const sink = stack.use(await startSink({ tls: 'none' }));
  names.set('dest.test', 'MX', [{ preference: 10, exchange: 'mx.dest.test' }]);
  names.set('mx.dest.test', 'A', ['127.0.0.1']);
  let deferred = false;
  sink.behave({
    rcpt: (path) => {
      if (path === 'gone@dest.test') return '550 5.1.1 No such mailbox';
      if (deferred) return undefined;
      deferred = true;
      return '451 4.7.1 Greylisted';
    },
  });
  const config = schema.parse({
    hostname: 'mx.home.test',
    data_dir: directory.path,
    redis: { url: redis.url },
    domains: { 'home.test': {} },
    accounts: [{ address: 'alice@home.test' }],
    ingress: { listeners: [{ port: 0, tls: 'none' }], trusted_networks: ['127.0.0.0/8'] },
    resolver: { servers: [`${names.host}:${names.port}`], smtp_port: sink.port, allow_private: true },
    delivery: { retry: ['1s'] },
    queue: { min_free: 0 },
    admin: { port: 0 },
    imap: { listeners: [] },
    pop3: { listeners: [] },
  });
  const roles = stack.adopt(await startRoles(PLAYED, config, pino({ enabled: false })), (running) => running.drain(AbortSignal.timeout(5_000)));
  const smtp = roles.listeners.find(({ name }) => name === 'smtp')?.port ?? 0;

  await send({ smtp }, { from: 'alice@home.test', to: ['bob@dest.test', 'gone@dest.test'] });
  await sink.received(1, { within: 20_000 });
  await eventually(() => named('local-mailbox').length > 0 && named('attempt').length >= 2, { within: 20_000 });

  const [first] = named('smtp-ingress');
  expect(new Set(spans().map((span) => span.spanContext().traceId)).size).toBe(1);
  const counted = Object.fromEntries([...Map.groupBy(spans(), ({ name }) => name)].map(([name, some]) => [name, some.length]));
  // The message and its DSN are routed; the DSN is filed; the second attempt is the retry.
  expect(counted).toMatchObject({ 'smtp-ingress': 1, router: 2, attempt: 2, bounce: 1, 'local-mailbox': 1 });
  expect(counted['resolver']).toBeGreaterThanOrEqual(1);
  expect(first?.parentSpanContext).toBeUndefined();
  for (const span of spans().filter((each) => each !== first))
    expect([span.name, span.parentSpanContext?.spanId]).toEqual([span.name, first?.spanContext().spanId]);
  const begun = (span: ReadableSpan | undefined) => (span ? span.startTime[0] * 1e9 + span.startTime[1] : 0);
  expect(Math.min(...spans().map(begun))).toBe(begun(first));
  // What runs before any message, or for none, makes no span.
  expect(spans().every((span: Pick<Span & ReadableSpan, 'attributes'>) => typeof span.attributes['stafette.id'] === 'string')).toBe(true);
});
