// One process of the fencing test: activates keys and commits to the history, until it is stopped or killed.
// Arguments: the redis part of the configuration (JSON), the script's name, the lease in milliseconds.
import { createActorSystem } from '#shared/actor/actor-system.ts';
import { defineScript } from '#shared/actor/scripts.ts';
import { schema } from '#shared/config/schema.ts';
import { systemClock } from '#shared/telemetry/clock.ts';
import { createLogger } from '#shared/telemetry/log.ts';
import { createMetrics } from '#shared/telemetry/metrics.ts';

const [redis = '{}', script = '', lease = '2000'] = process.argv.slice(2);
const commit = defineScript(script, new URL(`./${script}.lua`, import.meta.url));
const config = schema.parse({ redis: JSON.parse(redis) as object });
const system = await createActorSystem({ config, clock: systemClock, log: createLogger('warn'), metrics: createMetrics(), scripts: [commit], lease: Number(lease) });

await system.startKeyed('remote-delivery', ({ key, epoch, shard }) => ({
  window: () => 4,
  async receive(entry) {
    // The work between being handed an entry and its commit: where a process may be stopped or killed.
    await new Promise((resolve) => setTimeout(resolve, 20));
    await system.shards[shard]?.submit(commit, [`remote-delivery:${key}`, String(epoch), entry, process.pid]);
  },
}));
process.send?.('ready');
process.on('SIGTERM', () => process.exit(0));
