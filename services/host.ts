// What a process gives every role it runs: configuration, logs, metrics, clock, stores. Made once by main.ts.

import type { ActorSystem } from '#shared/actor/system.ts';
import type { Config } from '#shared/config/schema.ts';
import type { Directory } from '#shared/directory/directory.ts';
import type { ResolutionCache } from '#shared/directory/resolution-cache.ts';
import type { Mailstore } from '#shared/mailstore/mailstore.ts';
import type { Admission } from '#shared/spool/admission.ts';
import type { Spool } from '#shared/spool/spool.ts';
import type { Clock } from '#shared/telemetry/clock.ts';
import type { Logger } from '#shared/telemetry/log.ts';
import type { Metrics } from '#shared/telemetry/metrics.ts';

export interface Host {
  /** The configuration in force; replaced whole on reload, so read it when you need it. */
  config(): Config;
  /** Called after each successful reload. Returns the unsubscribe function. */
  onReload(listener: (config: Config) => void): () => void;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly actors: ActorSystem;
  readonly spool: Spool;
  /** Whether new mail may be taken now. */
  readonly admission: Admission;
  readonly directory: Directory;
  /** What the cluster knows of domains' hosts: `createResolutionCache(redis, config.redis.prefix, clock)`. */
  readonly resolutions: ResolutionCache;
  readonly mailstore: Mailstore;
}

/** Starting, running, draining, stopped (docs/operations.md). */
export interface RunningService {
  /** Null when ready, else why not: one line for /readyz. */
  notReady(): string | null;
  /** Takes nothing new, finishes what it has, resolves when done; `signal` ends the patience. */
  drain(signal: AbortSignal): Promise<void>;
  /** Where it listens, for the start banner. */
  readonly listeners?: readonly { readonly name: string; readonly address: string; readonly port: number }[];
}

export type Service = (host: Host) => Promise<RunningService>;
