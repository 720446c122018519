// Counters that alerts look at exist from the start, at 0: of one that appears with its first event `increase()` sees nothing.
import type { Role } from '#shared/protocol/topology.ts';
import type { Metrics } from '#shared/telemetry/metrics.ts';

const POOLS: readonly Role[] = ['router', 'local-mailbox', 'bounce'];
const KEYED: readonly Role[] = ['resolver', 'remote-delivery'];

/** For the roles that this process plays. The sweep counts for every role, whoever does it. */
export function countFromZero({ retried, putBack, leaseLost, fenced, possiblySent, sweptTotal }: Metrics, roles: readonly Role[]): void {
  const actors = [...POOLS, ...KEYED];
  for (const counter of [retried, putBack]) for (const role of roles.filter((each) => actors.includes(each))) counter.inc({ role }, 0);
  for (const counter of [leaseLost, fenced, possiblySent]) for (const role of roles.filter((each) => KEYED.includes(each))) counter.inc({ role }, 0);
  for (const role of actors) sweptTotal.inc({ role }, 0);
}
