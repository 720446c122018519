// The table of metrics, from their declarations. Pure.
import { createMetrics } from '#shared/telemetry/metrics.ts';

/** prom-client keeps the label names of a metric where its types do not show them. */
interface Declared {
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly string[];
}

/** Markdown: one row for each metric, in the order of their declaration. */
export function metricsTable(): string {
  const { registry } = createMetrics();
  const declared = registry.getMetricsAsArray() as unknown as readonly (Declared & { constructor: { readonly name: string } })[];
  const lines = declared.map((metric) => {
    const labels = (metric.labelNames ?? []).map((name) => `\`${name}\``).join(', ');
    return `| \`${metric.name}\` | ${metric.constructor.name.toLowerCase()} | ${labels} | ${metric.help} |\n`;
  });
  return `| metric | kind | labels | |\n|---|---|---|---|\n${lines.join('')}`;
}
