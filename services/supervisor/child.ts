// The child's side of supervision: it is configured over IPC, drains when told, and ends with its parent.
// It owns the process: every path ends in process.exit.
import { flushCompileCache } from 'node:module';
import type { Config } from '#shared/config/schema.ts';
import type { Role } from '#shared/protocol/topology.ts';
import { type Report, type ToChild, tellParent } from './ipc.ts';
import { operatorLines } from './operator-error.ts';
import { openLog, type ProcessLog } from './process-log.ts';
import { type RoleProcess, startRoles } from './role-process.ts';
import { onStopSignals } from './stop-signals.ts';

const STARTING: Report = { notReady: ['starting'], metrics: [] };

/** Plays `roles` for the parent until it says stop, or is gone. `start` is replaced in tests. */
export function runSupervised(roles: readonly Role[], start = startRoles): void {
  const abort = new AbortController();
  let processLog: ProcessLog | null = null;
  let starting: Promise<RoleProcess> | null = null;
  let running: RoleProcess | null = null;
  let patience = 0;
  let draining = false;

  const configure = async (config: Config) => {
    patience = config.drain_timeout;
    processLog?.reload(config);
    if (starting) return running?.configure(config);
    processLog = openLog(config);
    starting = start(roles, config, processLog.log);
    try {
      running = await starting;
      await tellParent({ kind: 'ready', listeners: running.listeners });
      flushCompileCache();
    } catch (error) {
      const lines = operatorLines(error, config);
      processLog.log.error(lines ? { lines } : { err: error }, 'start failed');
      await tellParent({ kind: 'failed', lines: lines ?? [String((error as Error).stack)] });
      exit(1);
    }
  };

  const drain = async () => {
    if (draining) return;
    draining = true;
    const signal = AbortSignal.any([abort.signal, AbortSignal.timeout(patience)]);
    const process = running ?? (await starting?.catch(() => null));
    await process?.drain(signal);
    exit(0);
  };

  const exit = (status: number) => {
    processLog?.flush();
    process.exit(status);
  };

  const crash = (error: unknown) => {
    processLog?.log.fatal({ err: error }, 'bug: this process ends and is started again');
    exit(1);
  };

  onStopSignals(
    () => void drain().catch(crash),
    () => abort.abort(),
  );
  process.on('SIGHUP', () => {}); // the parent reads the configuration again
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
  // The parent was killed: finish what runs, leave nothing behind.
  process.on('disconnect', () => void drain().catch(crash));
  process.on('message', (message: ToChild) => {
    if (message.kind === 'configure') void configure(message.config).catch(crash);
    else if (message.kind === 'drain') void drain().catch(crash);
    else if (message.kind === 'abort') abort.abort();
    else
      void Promise.resolve(running?.report(message.metrics) ?? STARTING)
        .then((report) => tellParent({ kind: 'report', request: message.request, ...report }))
        .catch(crash);
  });
}
