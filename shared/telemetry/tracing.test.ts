// Spans and the context that travels with a message, with and without an SDK.
import { context, SpanStatusCode, trace } from '@opentelemetry/api';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { afterEach, expect, test } from 'vitest';
import { inSpan, messageSpan, startSpan, traceparentOf } from './tracing.ts';

const PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
afterEach(() => {
  trace.disable();
  context.disable();
});

function recording(): InMemorySpanExporter {
  const exporter = new InMemorySpanExporter();
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
  return exporter;
}

test('without an SDK the context still flows, and a message without one gets its own', async () => {
  expect(traceparentOf(startSpan('x', { traceparent: PARENT }))).toBe(PARENT);
  const [first, second] = [traceparentOf(startSpan('x')), traceparentOf(startSpan('x'))];
  expect(first).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  expect(first).not.toBe(second);
  expect(await inSpan('x', {}, async () => 7)).toBe(7);
});

test('a span continues the trace of the record, and its own traceparent names it as the parent', async () => {
  const exporter = recording();
  const carried = await inSpan('first', { traceparent: PARENT }, async (span) => traceparentOf(span));
  await messageSpan('second', { id: 'ID', head: { traceparent: carried } }, async () => undefined);
  const [first, second] = exporter.getFinishedSpans();
  expect([first?.spanContext().traceId, second?.spanContext().traceId]).toEqual([PARENT.slice(3, 35), PARENT.slice(3, 35)]);
  expect([first?.parentSpanContext?.spanId, second?.parentSpanContext?.spanId]).toEqual([PARENT.slice(36, 52), first?.spanContext().spanId]);
  expect(second?.attributes).toEqual({ 'stafette.id': 'ID' });
});

test('a traceparent that does not read begins a trace', async () => {
  const exporter = recording();
  for (const traceparent of ['', 'x', '01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', `${PARENT}\r\n`]) startSpan('x', { traceparent }).end();
  expect(new Set(exporter.getFinishedSpans().map((span) => span.parentSpanContext)).size).toBe(1);
  expect(exporter.getFinishedSpans()[0]?.parentSpanContext).toBeUndefined();
});

test('a throw is recorded on the span and goes on', async () => {
  const exporter = recording();
  await expect(inSpan('x', {}, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  expect(exporter.getFinishedSpans()[0]?.status).toEqual({ code: SpanStatusCode.ERROR, message: 'broken' });
});
