// One OpenTelemetry span per mail transaction. Its trace context goes into the record, so that one message is one trace; without a
// tracer in the process an identity is made here, for other processes may have one.
import { type Span, SpanKind } from '@opentelemetry/api';
import { failSpan, startSpan, traceparentOf } from '#shared/telemetry/tracing.ts';

export interface TransactionSpan {
  /** W3C Trace Context, version 00. */
  readonly traceparent: string;
  set(attributes: Readonly<Record<string, string | number>>): void;
  /** Ends the span; `error` is the reply that refused the message. Later calls do nothing. */
  end(error?: string): void;
}

/** Begins the span of a transaction at MAIL. */
export function startTransactionSpan(listener: string, client: string): TransactionSpan {
  const span = startSpan('smtp-ingress', { kind: SpanKind.SERVER, attributes: { 'stafette.listener': listener, 'client.address': client } });
  let open = true;
  return {
    traceparent: traceparentOf(span),
    set: (attributes) => void span.setAttributes(attributes),
    end: (error) => {
      if (open) end(span, error);
      open = false;
    },
  };
}

function end(span: Span, error: string | undefined): void {
  if (error !== undefined) failSpan(span, error);
  span.end();
}
