// A supervised child for tests: it plays no role, reports its configuration's hostname, and can fail or cling to life on request.
import { createMetrics } from '#shared/telemetry/metrics.ts';
import { runSupervised } from '../child.ts';
import { OperatorError } from '../operator-error.ts';

const [behaviour] = process.argv.slice(2);

runSupervised(['router'], async (_roles, first) => {
  if (behaviour === 'fails') throw new OperatorError('port 25 is in use');
  let config = first;
  const metrics = createMetrics();
  metrics.attempts.inc({ role: 'router' });
  const forever = setInterval(() => {}, 1_000);
  return {
    listeners: [{ name: 'test', address: '127.0.0.1', port: process.pid }],
    report: async (wanted) => ({ notReady: [config.hostname ?? 'no name'], metrics: wanted ? await metrics.registry.getMetricsAsJSON() : [] }),
    configure: (next) => void (config = next),
    drain: (signal) => {
      clearInterval(forever);
      if (behaviour === 'clings') return new Promise((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve())));
      return Promise.resolve();
    },
  };
});
