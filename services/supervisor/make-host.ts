// The Host of one process: configuration in force, log, metrics, clock, and the stores that all its roles share.
// It owns the stores. What can fail: a store that cannot be opened.

import type { Config } from '#shared/config/schema.ts';
import type { Role } from '#shared/protocol/topology.ts';
import { systemClock } from '#shared/telemetry/clock.ts';
import type { Logger } from '#shared/telemetry/log.ts';
import { createMetrics } from '#shared/telemetry/metrics.ts';
import type { Host } from '../host.ts';
import { openStores } from './stores.ts';

export interface ProcessHost {
  readonly host: Host;
  /** Puts a new configuration in force and tells whoever asked for it. */
  replaceConfig(config: Config): void;
  /** Closes the stores; no role may run any more. */
  close(): Promise<void>;
}

/** Opens the stores that these roles need and builds the host. Rejects with the store's error. */
export async function makeHost(roles: readonly Role[], first: Config, log: Logger): Promise<ProcessHost> {
  let current = first;
  const listeners = new Set<(config: Config) => void>();
  const common = {
    config: () => current,
    onReload(listener: (config: Config) => void) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    log,
    metrics: createMetrics(),
    clock: systemClock,
  };
  const { close, ...stores } = await openStores(common, roles);
  const replaceConfig = (config: Config) => {
    current = config;
    for (const listener of listeners) listener(config);
  };
  return { host: { ...common, ...stores }, replaceConfig, close };
}
