// What a reload changes, and what it cannot: some settings keep their value until the next start, and the log says so.
import { isDeepStrictEqual } from 'node:util';
import type { Config } from '#shared/config/schema.ts';
import type { DoorAddress } from '#shared/session/door.ts';

const FIXED = ['data_dir', 'redis', 'health', 'admin'] as const;

/** The new configuration with the fixed settings of the running one, and the names of those that differ. */
export function keepFixed(running: Config, next: Config): { readonly config: Config; readonly kept: readonly string[] } {
  const kept = FIXED.filter((key) => !isDeepStrictEqual(running[key], next[key]));
  return { config: { ...next, data_dir: running.data_dir, redis: running.redis, health: running.health, admin: running.admin }, kept };
}

/** Of these addresses, those whose port nobody of ours has: only of them is it unknown whether they can be had. */
export function newPorts(running: readonly DoorAddress[], next: readonly DoorAddress[]): readonly DoorAddress[] {
  const ours = new Set(running.map(({ port }) => port));
  return next.filter(({ port }) => !ours.has(port));
}
