// What a reload cannot change: these settings keep their value until the next start, and the log says so.
import { isDeepStrictEqual } from 'node:util';
import type { Config } from '#shared/config/schema.ts';

const FIXED = ['data_dir', 'redis', 'health', 'admin'] as const;
/** Roles whose listeners stay as they were opened: ports, TLS, and whom each trusts. */
const LISTENING = ['ingress', 'imap', 'pop3'] as const;

/** The new configuration with the fixed settings of the running one, and the names of those that differ. */
export function keepFixed(running: Config, next: Config): { readonly config: Config; readonly kept: readonly string[] } {
  const fixed = FIXED.filter((key) => !isDeepStrictEqual(running[key], next[key]));
  const listeners = LISTENING.filter((role) => !isDeepStrictEqual(running[role].listeners, next[role].listeners));
  const config: Config = {
    ...next,
    ...{ data_dir: running.data_dir, redis: running.redis, health: running.health, admin: running.admin },
    ingress: { ...next.ingress, listeners: running.ingress.listeners },
    imap: { ...next.imap, listeners: running.imap.listeners },
    pop3: { ...next.pop3, listeners: running.pop3.listeners },
  };
  return { config, kept: [...fixed, ...listeners.map((role) => `${role}.listeners`)] };
}
