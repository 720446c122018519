// The whole of one start: roles of this process and supervised children, seen as one thing that is ready, measured and drained.
import { AggregatorRegistry } from 'prom-client';
import type { Config } from '#shared/config/schema.ts';
import type { Logger } from '#shared/telemetry/log.ts';
import type { HealthSource } from './health.ts';
import type { Listeners, Report } from './ipc.ts';
import type { ProcessPlan } from './plan.ts';
import { type RoleProcess, startRoles } from './role-process.ts';
import { type SupervisedProcess, superviseProcess } from './supervised-process.ts';

export interface Application extends HealthSource {
  readonly listeners: Listeners;
  configure(config: Config): void;
  drain(signal: AbortSignal): Promise<void>;
}

/** Starts what the plan says; when one part fails, the rest is stopped and its error thrown. `module`: what children run. */
export async function startApplication(plan: ProcessPlan, first: Config, log: Logger, module: string): Promise<Application> {
  let config = first;
  const children = plan.children.map(({ name, role }) => superviseProcess({ name, module, args: ['--supervised', '--role', role], config: () => config, log }));
  const local = plan.local.length > 0 ? startRoles(plan.local, config, log) : null;
  const starts = await Promise.allSettled([local?.then(({ listeners }) => listeners), ...children.map((child) => child.started)]);
  const failed = starts.find((start) => start.status === 'rejected');
  const own = failed ? await local?.catch(() => null) : await local;
  const drain = drainOf(own ?? null, children);
  if (failed) {
    await drain(AbortSignal.abort());
    throw failed.reason;
  }
  let draining = false;
  const reports = (metrics: boolean) => Promise.all([...(own ? [own.report(metrics)] : []), ...children.map((child) => child.report(metrics))]);
  return {
    listeners: starts.flatMap((start) => (start.status === 'fulfilled' ? (start.value ?? []) : [])),
    notReady: async () => (draining ? ['draining'] : [...new Set((await reports(false)).flatMap((report) => report.notReady))]),
    hanging: () => children.flatMap((child) => child.hangs() ?? []),
    metrics: async () => merge(await reports(true)),
    configure(next) {
      config = next;
      own?.configure(next);
      for (const child of children) child.configure();
    },
    drain(signal) {
      draining = true;
      return drain(signal);
    },
  };
}

function drainOf(own: RoleProcess | null, children: readonly SupervisedProcess[]) {
  return async (signal: AbortSignal) => {
    await Promise.all([own?.drain(signal), ...children.map((child) => child.stop(signal))]);
  };
}

/** Counters and histograms add up; each gauge says in shared/telemetry/metrics.ts how it is combined. */
function merge(reports: readonly Report[]): Promise<string> {
  return AggregatorRegistry.aggregate(reports.map((report) => report.metrics)).metrics();
}
