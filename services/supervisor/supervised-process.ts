// One child process, started again with a growing pause whenever it ends unasked, or hangs and is killed for it. It owns the process and the pause.
// What can fail: the first start (`started` rejects with the child's own lines); later failures are logged and tried again.
import { type ChildProcess, fork } from 'node:child_process';
import type { Config } from '#shared/config/schema.ts';
import { every } from '#shared/telemetry/every.ts';
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
  /** One line when it has not answered for a while and will be killed for it; else null. */
  hangs(): string | null;
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
  /** How often it is asked whether it still answers, in milliseconds, and how many times in a row it may not. Default: 10 s, 6 times. */
  readonly watch?: { readonly every: number; readonly misses: number };
}

/** A blocked event loop delivers nothing, holds no lease and mends itself seldom; a minute is far over what any work takes. */
const WATCH = { every: 10_000, misses: 6 };
/**
 * Buffers of passing content are collected with the young generation: a smaller one (MB) holds a third less of 50 large messages. The first
 * process of `npm start`, where the queue's work is done, has a larger one: what is in hand there outlives a small one, and is copied. All of
 * it is marked when the heap has grown so far (percent), not every third of a second: of 30 MB that takes a tenth of a busy process.
 */
const HEAP: readonly string[] = ['--max-semi-space-size=8', '--heap-growing-percent=300'];
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 30_000;
/** A child that ran this long did not fail at its start: the pauses begin anew. */
const SETTLED = 60_000;
const REPORT_PATIENCE = 1_000;
const SILENT = 'does not answer';
/** From `abort` to SIGKILL. */
const ABORT_PATIENCE = 3_000;

/** Starts the child and keeps it running until `stop`. */
export function superviseProcess(options: SupervisedProcessOptions): SupervisedProcess {
  return new Supervision(options);
}

class Supervision implements SupervisedProcess {
  readonly name: string;
  readonly started: Promise<Listeners>;
  readonly #options: SupervisedProcessOptions;
  readonly #first = Promise.withResolvers<Listeners>();
  readonly #reports = new Map<number, (report: Report) => void>();
  #child: ChildProcess | null = null;
  #gone = Promise.withResolvers<void>();
  #restart: NodeJS.Timeout | undefined;
  #pause = FIRST_PAUSE;
  #stopping = false;
  /** It was ready once: from now on its end is followed by another start. */
  #proven = false;
  #requests = 0;
  #endWatch = () => {};
  #misses = 0;

  constructor(options: SupervisedProcessOptions) {
    this.#options = options;
    this.name = options.name;
    this.started = this.#first.promise;
    // A failed start is reported to whoever awaits it; nobody doing so is no crash.
    this.started.catch(() => {});
    this.#start();
  }

  pid(): number | undefined {
    return this.#child?.pid;
  }

  configure(): void {
    if (this.#child) tellChild(this.#child, { kind: 'configure', config: this.#options.config() });
  }

  report(metrics: boolean): Promise<Report> {
    const child = this.#child;
    if (!child) return Promise.resolve(this.#absent('not running'));
    return new Promise((resolve) => {
      const request = this.#requests++;
      const answer = (report: Report) => {
        clearTimeout(late);
        this.#reports.delete(request);
        resolve(report);
      };
      const late = setTimeout(() => answer(this.#absent(SILENT)), REPORT_PATIENCE);
      this.#reports.set(request, answer);
      tellChild(child, { kind: 'report', request, metrics });
    });
  }

  hangs(): string | null {
    return this.#misses === 0 ? null : `${this.name}: ${SILENT}`;
  }

  async stop(signal: AbortSignal): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#restart);
    this.#endWatch();
    const child = this.#child;
    if (!child) return;
    let kill: NodeJS.Timeout | undefined;
    const abort = () => {
      tellChild(child, { kind: 'abort' });
      kill = setTimeout(() => child.kill('SIGKILL'), ABORT_PATIENCE);
    };
    tellChild(child, { kind: 'drain' });
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
    await this.#gone.promise;
    signal.removeEventListener('abort', abort);
    clearTimeout(kill);
  }

  #start(): void {
    const since = performance.now();
    const child = fork(this.#options.module, [...this.#options.args], { serialization: 'advanced', execArgv: [...process.execArgv, ...HEAP] });
    let failure: readonly string[] = [];
    this.#child = child;
    this.#gone = Promise.withResolvers();
    child.on('message', (message: FromChild) => {
      if (message.kind === 'failed') failure = message.lines;
      else if (message.kind === 'ready') this.#ready(message.listeners);
      else this.#reports.get(message.request)?.(message);
    });
    child.on('error', (error) => this.#options.log.error({ process: this.name, error: error.message }, 'child process: channel failed'));
    child.once('exit', (code, signal) => this.#ended({ code, signal, lines: failure, ran: performance.now() - since }));
    this.configure();
    this.#misses = 0;
    this.#endWatch = every((this.#options.watch ?? WATCH).every, () => void this.#look(child));
  }

  /** Counts looks and not time: a pause of the whole machine is none of its doing. */
  async #look(child: ChildProcess): Promise<void> {
    const { notReady } = await this.report(false);
    if (this.#child !== child || this.#stopping) return;
    this.#misses = notReady.includes(`${this.name}: ${SILENT}`) ? this.#misses + 1 : 0;
    if (this.#misses < (this.#options.watch ?? WATCH).misses) return;
    this.#options.log.error({ process: this.name, pid: child.pid, misses: this.#misses }, 'child process does not answer; killing it');
    child.kill('SIGKILL');
  }

  #ready(listeners: Listeners): void {
    this.#proven = true;
    this.#first.resolve(listeners);
  }

  #ended({ code, signal, lines, ran }: { code: number | null; signal: NodeJS.Signals | null; lines: readonly string[]; ran: number }): void {
    this.#child = null;
    this.#endWatch();
    this.#misses = 0;
    this.#gone.resolve();
    for (const answer of this.#reports.values()) answer(this.#absent('not running'));
    if (!this.#proven) this.#first.reject(new OperatorError(lines.join('\n') || `${this.name} ended while it started (${signal ?? `status ${code}`})`));
    if (this.#stopping || !this.#proven) return;
    if (ran > SETTLED) this.#pause = FIRST_PAUSE;
    this.#options.log.error({ process: this.name, code, signal, lines, pause: this.#pause }, 'child process ended; starting it again');
    this.#restart = setTimeout(() => this.#start(), this.#pause);
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
  }

  #absent(why: string): Report {
    return { notReady: [`${this.name}: ${why}`], metrics: [] };
  }
}
