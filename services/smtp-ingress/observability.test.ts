// What an operator sees of a message at ingress: one log line, one span, the counters.
import { type Attributes, type Span, type SpanStatus, type TracerProvider, trace } from '@opentelemetry/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type IngressUnderTest, startIngress } from './testing/ingress-under-test.ts';

let ingress: IngressUnderTest;
beforeAll(async () => {
  ingress = await startIngress();
});
afterAll(async () => ingress[Symbol.asyncDispose]());

const READY = 'C: EHLO x\nS: 250\nC: MAIL FROM:<a@b>\nS: 250\nC: RCPT TO:<alice@example.org>\nS: 250\nC: DATA\nS: 354';
const infoLines = (since: number) => ingress.world.lines.slice(since).filter(({ level }) => level === 30);

test('an accepted message is one info line with its queue id, and counted', async () => {
  const since = ingress.world.lines.length;
  await using client = await ingress.dial();
  await client.transcript(READY);
  const { id } = await ingress.message(await client.command('x\r\n.', '250'));
  expect(infoLines(since)).toMatchObject([{ id, msg: 'accepted', from: 'a@b', recipients: 1, client: '127.0.0.1', helo: 'x', listener: 'smtp' }]);
  const metrics = await ingress.world.metrics.registry.metrics();
  expect(metrics).toContain('stafette_ingress_messages_total{listener="smtp"} 1');
  expect(metrics).toContain('stafette_ingress_replies_total{code="354"} 1');
  expect(metrics).toContain('stafette_ingress_connections{listener="smtp"} 1');
});

test('a refusal is one info line with its reply', async () => {
  const since = ingress.world.lines.length;
  await using client = await ingress.dial();
  await client.transcript('C: EHLO x\nS: 250\nC: MAIL FROM:<a@b>\nS: 250\nC: RCPT TO:<carol@example.com>\nS: 550\nC: NOSUCH\nS: 500');
  expect(infoLines(since)).toMatchObject([{ msg: 'rejected', verb: 'RCPT', argument: 'TO:<carol@example.com>', reply: '550 5.7.1 Relaying denied' }]);
});

test('a transaction is one span, whose context goes into the record; a refusal is its error', async () => {
  const spans: { name: string; status?: SpanStatus; attributes: Attributes; ended: number }[] = [];
  const startSpan = (name: string, options?: { attributes?: Attributes }): Span => {
    const seen: (typeof spans)[number] = { name, attributes: { ...options?.attributes }, ended: 0 };
    spans.push(seen);
    return Object.assign(Object.create(null), {
      spanContext: () => ({ traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 1 }),
      setAttributes: (attributes: Attributes) => Object.assign(seen.attributes, attributes),
      setStatus: (status: SpanStatus) => Object.assign(seen, { status }),
      end: () => seen.ended++,
    });
  };
  trace.setGlobalTracerProvider({ getTracer: () => ({ startSpan }) } as unknown as TracerProvider);
  try {
    await using client = await ingress.dial();
    await client.transcript(READY);
    const { id, head } = await ingress.message(await client.command('x\r\n.', '250'));
    expect(head.traceparent).toBe('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
    await client.transcript(`${READY}\nC: a\rb\nC: .\nS: 550`);
    expect(spans.map(({ ended }) => ended)).toEqual([1, 1]);
    expect(spans[0]?.attributes).toMatchObject({ 'stafette.id': id, 'stafette.listener': 'smtp' });
    expect(spans[1]?.status?.message).toContain('550 5.6.0');
  } finally {
    trace.disable();
  }
});
