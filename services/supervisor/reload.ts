// What a reload cannot change: these settings keep their value until the next start, and the log says so.
import { isDeepStrictEqual } from 'node:util';
import type { Config } from '#shared/config/schema.ts';

const FIXED = ['data_dir', 'redis', 'health', 'admin'] as const;

/** The new configuration with the fixed settings of the running one, and the names of those that differ. */
export function keepFixed(running: Config, next: Config): { readonly config: Config; readonly kept: readonly string[] } {
  const kept = FIXED.filter((key) => !isDeepStrictEqual(running[key], next[key]));
  return { config: { ...next, data_dir: running.data_dir, redis: running.redis, health: running.health, admin: running.admin }, kept };
}
