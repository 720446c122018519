// One child process, started again with a growing pause whenever it ends unasked. It owns the process and the pause.
// What can fail: the first start (`started` rejects with the child's own lines); later failures are logged and tried again.
import { type ChildProcess, fork } from 'node:child_process';
import type { Config } from '#shared/config/schema.ts';
import type { Logger } from '#shared/telemetry/log.ts';
import { type FromChild, type Listeners, type Report, tellChild } from './ipc.ts';
import { OperatorError } from './operator-error.ts';

export interface SupervisedProcess {
  readonly name: string;
  /** Resolves at the first `ready`; rejects with an OperatorError when the first start fails. */
  readonly started: Promise<Listeners>;
  pid(): number | undefined;
  /** Asks the child; one that does not answer within a second, or does not run, is not ready. */
  report(metrics: boolean): Promise<Report>;
  configure(): void;
  /** Drains the child; when `signal` aborts it is told to give up, and killed if it does not. Resolves when it is gone. */
  stop(signal: AbortSignal): Promise<void>;
}

export interface SupervisedProcessOptions {
  readonly name: string;
  /** The module to fork and its arguments. */
  readonly module: string;
  readonly args: readonly string[];
  /** The configuration in force, sent at each start and at `configure`. */
  readonly config: () => Config;
  readonly log: Logger;
}

const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 30_000;
/** A child that ran this long did not fail at its start: the pauses begin anew. */
const SETTLED = 60_000;
const REPORT_PATIENCE = 1_000;
/** From `abort` to SIGKILL. */
const ABORT_PATIENCE = 3_000;

/** Starts the child and keeps it running until `stop`. */
export function superviseProcess(options: SupervisedProcessOptions): SupervisedProcess {
  const { name, log } = options;
  const started = Promise.withResolvers<Listeners>();
  const reports = new Map<number, (report: Report) => void>();
  let child: ChildProcess | null = null;
  let gone = Promise.withResolvers<void>();
  let restart: NodeJS.Timeout | undefined;
  let wait = FIRST_PAUSE;
  let stopping = false;
  let ready = false;
  let requests = 0;

  const start = () => {
    const since = performance.now();
    const process = fork(options.module, [...options.args], { serialization: 'advanced' });
    let failure: readonly string[] = [];
    child = process;
    gone = Promise.withResolvers();
    process.on('message', (message: FromChild) => {
      if (message.kind === 'failed') failure = message.lines;
      else if (message.kind === 'report') reports.get(message.request)?.(message);
      else {
        ready = true;
        started.resolve(message.listeners);
      }
    });
    process.on('error', (error) => log.error({ process: name, error: error.message }, 'child process: channel failed'));
    process.once('exit', (code, signal) => ended(code, signal, failure, performance.now() - since));
    tellChild(process, { kind: 'configure', config: options.config() });
  };

  const ended = (code: number | null, signal: NodeJS.Signals | null, failure: readonly string[], ran: number) => {
    child = null;
    gone.resolve();
    for (const answer of reports.values()) answer({ notReady: [`${name}: not running`], metrics: [] });
    if (!ready) started.reject(new OperatorError(failure.join('\n') || `${name} ended while it started (${signal ?? `status ${code}`})`));
    if (stopping || !ready) return;
    if (ran > SETTLED) wait = FIRST_PAUSE;
    log.error({ process: name, code, signal, lines: failure, pause: wait }, 'child process ended; starting it again');
    restart = setTimeout(start, wait);
    wait = Math.min(wait * 2, LONGEST_PAUSE);
  };

  const report = (metrics: boolean) =>
    new Promise<Report>((resolve) => {
      if (!child) return resolve({ notReady: [`${name}: not running`], metrics: [] });
      const request = requests++;
      const answer = (answered: Report) => {
        clearTimeout(late);
        reports.delete(request);
        resolve(answered);
      };
      const late = setTimeout(() => answer({ notReady: [`${name}: does not answer`], metrics: [] }), REPORT_PATIENCE);
      reports.set(request, answer);
      tellChild(child, { kind: 'report', request, metrics });
    });

  const stop = async (signal: AbortSignal) => {
    stopping = true;
    clearTimeout(restart);
    const last = child;
    if (!last) return;
    let kill: NodeJS.Timeout | undefined;
    const abort = () => {
      tellChild(last, { kind: 'abort' });
      kill = setTimeout(() => last.kill('SIGKILL'), ABORT_PATIENCE);
    };
    tellChild(last, { kind: 'drain' });
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
    await gone.promise;
    signal.removeEventListener('abort', abort);
    clearTimeout(kill);
  };

  const configure = () => child && tellChild(child, { kind: 'configure', config: options.config() });

  // A failed start is reported to whoever awaits it; nobody doing so is no crash.
  started.promise.catch(() => {});
  start();
  return { name, started: started.promise, pid: () => child?.pid, report, configure, stop };
}
