// What all activations of a keyed role on one shard share. Owns nothing.
import type { KeyedRole } from '#shared/protocol/topology.ts';
import type { Metrics } from '#shared/telemetry/metrics.ts';
import type { KeyedFactory } from './actor.ts';
import type { Runtime } from './runtime.ts';
import type { Shard } from './shard.ts';

export interface KeyedRoleParts {
  readonly runtime: Runtime;
  readonly shard: Shard;
  readonly role: KeyedRole;
  readonly factory: KeyedFactory;
  readonly counters: KeyedCounters;
}

export type KeyedCounters = ReturnType<typeof countersOf>;

/** The metrics of a role, looked up once: an activation may be for one entry only. */
export function countersOf({ queueInFlight, processed, stageSeconds, activations }: Metrics, role: KeyedRole) {
  return {
    inFlight: queueInFlight.labels(role),
    processed: processed.labels(role),
    stage: stageSeconds.labels(role),
    activations: activations.labels(role),
  };
}
