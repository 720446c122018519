// OpenTelemetry spans: one message is one trace, from MAIL FROM to its last outcome, for the record carries the context on.
// Without an SDK in the process every span is a no-op, and the context still flows. To register one: docs/operations.md, or
// `node --import ./your-sdk.mjs services/main.ts`; the SDK must accept the version of @opentelemetry/api in package.json.
import { randomUUID } from 'node:crypto';
import {
  type Attributes,
  type Context,
  context,
  INVALID_SPAN_CONTEXT,
  isSpanContextValid,
  ProxyTracerProvider,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';

/** W3C Trace Context, section 3.2: version 00, trace id, parent id, flags. */
const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

export interface SpanOptions {
  /** Of the record: the trace that this span continues. Without it, or with one that does not read, a trace begins. */
  readonly traceparent?: string | undefined;
  readonly kind?: SpanKind;
  readonly attributes?: Attributes;
}

const NO_SPAN = trace.wrapSpanContext(INVALID_SPAN_CONTEXT);

/** Without an SDK nothing is made at all: several contexts and spans for each message would be a few per cent of its cost. */
function hasTracer(): boolean {
  const provider = trace.getTracerProvider();
  return !(provider instanceof ProxyTracerProvider) || provider.getDelegateTracer('stafette') !== undefined;
}

/** A span to be ended by the caller. */
export function startSpan(name: string, { traceparent, kind = SpanKind.INTERNAL, attributes = {} }: SpanOptions = {}): Span {
  if (!hasTracer()) return (traceparent && trace.getSpan(contextOf(traceparent))) || NO_SPAN;
  return trace.getTracer('stafette').startSpan(name, { kind, attributes }, contextOf(traceparent));
}

/** Runs `work` in a span, which is the active one meanwhile and ends with it. A throw is recorded and goes on. */
export async function inSpan<T>(name: string, options: SpanOptions, work: (span: Span) => Promise<T>): Promise<T> {
  if (!hasTracer()) return work(NO_SPAN);
  const span = startSpan(name, options);
  try {
    return await (span.isRecording() ? context.with(trace.setSpan(context.active(), span), () => work(span)) : work(span));
  } catch (error) {
    failSpan(span, error);
    throw error;
  } finally {
    span.end();
  }
}

/** What a role does about one message: a span with the role's name, under the message's trace. */
export function messageSpan<T>(
  role: string,
  message: { readonly id: string; readonly head: { readonly traceparent?: string } },
  work: () => Promise<T>,
): Promise<T> {
  return inSpan(role, { traceparent: message.head.traceparent, kind: SpanKind.CONSUMER, attributes: { 'stafette.id': message.id } }, work);
}

export function failSpan(span: Span, error: unknown): void {
  span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.message : String(error) });
}

/** The traceparent by which others continue this span. Where no tracer runs, one is made: another process may have a tracer. */
export function traceparentOf(span: Span): string {
  const { traceId, spanId, traceFlags } = validContext(span) ?? newContext();
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}

function validContext(span: Span): SpanContext | null {
  const found = span.spanContext();
  return isSpanContextValid(found) ? found : null;
}

/** Ids from UUIDs: random enough, never zero, and from a pool that Node fills ahead. */
function newContext(): SpanContext {
  const [traceId = '', spanId = ''] = [randomUUID(), randomUUID()].map((id) => id.replaceAll('-', ''));
  return { traceId, spanId: spanId.slice(0, 16), traceFlags: 1 };
}

function contextOf(traceparent: string | undefined): Context {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(traceparent ?? '') ?? [];
  if (!traceId || !spanId || !flags) return ROOT_CONTEXT;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true });
}
