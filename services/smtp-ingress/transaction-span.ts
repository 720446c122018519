// One OpenTelemetry span per mail transaction. Its trace context goes into the record, so that one message is one trace; without a
// tracer in the process an identity is made here, for other processes may have one.
import { randomUUID } from 'node:crypto';
import { isSpanContextValid, type Span, type SpanContext, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';

export interface TransactionSpan {
  /** W3C Trace Context, version 00. */
  readonly traceparent: string;
  set(attributes: Readonly<Record<string, string | number>>): void;
  /** Ends the span; `error` is the reply that refused the message. Later calls do nothing. */
  end(error?: string): void;
}

/** Begins the span of a transaction at MAIL. */
export function startTransactionSpan(listener: string, client: string): TransactionSpan {
  const span = trace
    .getTracer('stafette')
    .startSpan('smtp-ingress transaction', { kind: SpanKind.SERVER, attributes: { 'stafette.listener': listener, 'client.address': client } });
  const context = span.spanContext();
  let open = true;
  return {
    traceparent: isSpanContextValid(context) ? traceparent(context) : newTraceparent(),
    set: (attributes) => void span.setAttributes(attributes),
    end: (error) => {
      if (open) end(span, error);
      open = false;
    },
  };
}

function traceparent({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}

/** A random trace id and span id: UUIDs are random enough, never zero, and come from a pool that Node fills ahead. */
function newTraceparent(): string {
  const [traceId, spanId] = [randomUUID(), randomUUID()].map((id) => id.replaceAll('-', ''));
  return `00-${traceId}-${spanId?.slice(0, 16)}-01`;
}

function end(span: Span, error: string | undefined): void {
  if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: error });
  span.end();
}
