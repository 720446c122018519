// The roles that this process plays itself: their services, the host they stand on, and how both end.
// What can fail: the start of a service; those already started are drained again.

import type { Config } from '#shared/config/schema.ts';
import type { Role } from '#shared/protocol/topology.ts';
import type { Logger } from '#shared/telemetry/log.ts';
import type { Metrics } from '#shared/telemetry/metrics.ts';
import type { RunningService, Service } from '../host.ts';
import { loadService } from '../roles.ts';
import { measureEventLoopLag } from './event-loop-lag.ts';
import type { Listeners, Report } from './ipc.ts';
import { makeHost, type ProcessHost } from './make-host.ts';
import { countFromZero } from './zero-counters.ts';

export interface RoleProcess {
  readonly listeners: Listeners;
  /** `metrics` false leaves them out: /readyz needs none. */
  report(metrics: boolean): Promise<Report>;
  configure(config: Config): void;
  /** Drains every service, then closes the stores. When `signal` aborts, what is left is given up. */
  drain(signal: AbortSignal): Promise<void>;
}

/** How long a service, or the stores, may take to return once patience has ended. */
const GRACE = 2_000;

/** Starts these roles side by side. `load` finds the service of a role. */
export async function startRoles(
  roles: readonly Role[],
  config: Config,
  log: Logger,
  open: (roles: readonly Role[], config: Config, log: Logger) => Promise<ProcessHost> = makeHost,
  load: (role: Role) => Promise<Service> = loadService,
): Promise<RoleProcess> {
  const process = await open(roles, config, log);
  countFromZero(process.host.metrics, roles);
  const endLag = measureEventLoopLag(process.host.metrics);
  const services = new Map<Role, RunningService>();
  let draining = false;

  const drain = async (signal: AbortSignal) => {
    draining = true;
    await Promise.all([...services.values()].map((service) => untilGrace(service.drain(signal), signal)));
    endLag();
    log.info(await workDone(process.host.metrics), 'drained');
    await Promise.race([process.close(), after(AbortSignal.timeout(GRACE))]);
  };

  const starts = roles.map(async (role) => services.set(role, await (await load(role))({ ...process.host, log: log.child({ role }) })));
  const failed = (await Promise.allSettled(starts)).find((start) => start.status === 'rejected');
  if (failed) {
    await drain(AbortSignal.abort());
    throw failed.reason;
  }

  const notReady = () => {
    if (draining) return ['draining'];
    const reasons = [...services].flatMap(([role, service]) => prefixed(role, service.notReady()));
    const refusal = process.host.admission.refusal(0);
    // A full spool takes no new mail but goes on delivering: only the door is not ready then. Mail can be read without a spool.
    const spooling = [...services.keys()].some((role) => role !== 'imap' && role !== 'pop3');
    const shut = refusal && ((refusal.kind === 'unavailable' && spooling) || services.has('smtp-ingress'));
    return shut ? [...reasons, `spool: ${refusal.why}`] : reasons;
  };
  const report = async (metrics: boolean) => ({ notReady: notReady(), metrics: metrics ? await process.host.metrics.registry.getMetricsAsJSON() : [] });
  const listeners = [...services.values()].flatMap((service) => service.listeners ?? []);
  return { listeners, report, configure: (next) => process.replaceConfig(next), drain };
}

/** What this process did in its life: how evenly work was spread shows when several play a role. */
async function workDone({ processed, ingressMessages }: Metrics): Promise<{ accepted: number; processed: Readonly<Record<string, number>> }> {
  const [{ values: roles }, { values: listeners }] = await Promise.all([processed.get(), ingressMessages.get()]);
  const accepted = listeners.reduce((sum, { value }) => sum + value, 0);
  return { accepted, processed: Object.fromEntries(roles.map(({ labels, value }) => [labels.role, value])) };
}

function prefixed(role: Role, reason: string | null): readonly string[] {
  return reason === null ? [] : [`${role}: ${reason}`];
}

/** Waits for the work, and once patience has ended only a little longer. */
async function untilGrace(work: Promise<void>, signal: AbortSignal): Promise<void> {
  const impatience = after(signal).then(() => after(AbortSignal.timeout(GRACE)));
  await Promise.race([work, impatience]);
}

function after(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true })));
}
