// One start from arguments to ready, and one end from the first signal to exit. It owns the process.
// What can fail at the start is printed as one clear line each, with exit status 1.
import { flushCompileCache } from 'node:module';
import { availableParallelism } from 'node:os';
import { builtinConfig, DEMO_ACCOUNT } from '#shared/config/builtin.ts';
import { loadConfig } from '#shared/config/load.ts';
import type { Config } from '#shared/config/schema.ts';
import { autoconfigAnswer } from '#shared/discovery/autoconfig.ts';
import { type Application, startApplication } from './application.ts';
import type { StartOptions } from './arguments.ts';
import { banner } from './banner.ts';
import { watchConfig } from './config-watch.ts';
import type { EmbeddedRedis } from './embedded-redis.ts';
import { onHangUp } from './hang-up.ts';
import { type HealthServer, startHealth } from './health.ts';
import { OperatorError, operatorLines } from './operator-error.ts';
import { planProcesses } from './plan.ts';
import { type Door, doorsAmong, portsOf, probePorts } from './ports.ts';
import { type Prepared, prepare } from './prepare.ts';
import { openLog, type ProcessLog } from './process-log.ts';
import { keepFixed, newPorts } from './reload.ts';
import { onStopSignals } from './stop-signals.ts';

/** What is on its way up, running, or on its way down. */
interface Life {
  readonly options: StartOptions;
  readonly module: string;
  readonly processLog: ProcessLog;
  readonly cleanup: AsyncDisposableStack;
  /** Ends a start that waits. */
  readonly cancel: AbortController;
  /** The second signal. */
  readonly abort: AbortController;
  config: Config;
  redis: EmbeddedRedis | null;
  application: Application | null;
  /** Reads the configuration again; nothing to do before it runs. */
  reload: () => void;
  state: 'starting' | 'running' | 'draining';
}

/** How long the ports of a crashed start may still be held by its ingress. */
const PORT_PATIENCE = 5_000;

/** Runs until a signal. `module`: what supervised children run (main.ts). */
export async function start(options: StartOptions, module: string): Promise<void> {
  const written = options.config === null ? builtinConfig() : loadConfig(options.config);
  const processLog = openLog(written);
  const life: Life = {
    options,
    module,
    processLog,
    cleanup: new AsyncDisposableStack(),
    cancel: new AbortController(),
    abort: new AbortController(),
    config: written,
    redis: null,
    application: null,
    reload: () => {},
    state: 'starting',
  };
  crashOn(processLog);
  const rising = rise(life, written);
  endOnSignals(life, rising);
  try {
    await rising;
  } catch (error) {
    if (life.state === 'draining') return; // the signal's handler goes on
    await life.cleanup.disposeAsync();
    exit(processLog, 1, operatorLines(error, life.config) ?? [String((error as Error).stack ?? error)]);
  }
}

async function rise(life: Life, written: Config): Promise<void> {
  const { options, cleanup, processLog } = life;
  const { log } = processLog;
  const plan = planProcesses(options.mode, availableParallelism());
  const doors = doorsAmong([...plan.local, ...plan.children.map((child) => child.role)]);
  const apart = options.mode.kind === 'roles';
  const terminal = process.stdout.isTTY === true;
  const prepared = await prepare({
    config: written,
    builtin: options.config === null,
    exclusive: !apart,
    certificate: doors.length > 0,
    terminal,
    log,
    signal: life.cancel.signal,
    now: Date.now(),
    cleanup,
  });
  life.config = prepared.inForce(written);
  life.redis = prepared.redis;
  if (!apart) await probePorts(portsOf(life.config, doors), prepared.redis?.adopted ? PORT_PATIENCE : 0);
  const health = await startHealth(life.config.health.address, life.config.health.port, sourceOf(life));
  cleanup.defer(() => health.close());
  life.application = await startApplication(plan, life.config, log, life.module);
  if (life.state === 'draining') return;
  life.state = 'running';
  reloadOnChange(life, prepared, apart ? [] : doors);
  announce(life, prepared, health);
  // Now and not at the end, which may be a SIGKILL.
  flushCompileCache();
}

function sourceOf(life: Life) {
  return {
    async notReady() {
      const trouble = life.redis?.trouble();
      return [...(trouble ? [trouble] : []), ...((await life.application?.notReady()) ?? ['starting'])];
    },
    hanging: () => life.application?.hanging?.() ?? [],
    metrics: async () => (await life.application?.metrics()) ?? '',
    autoconfig: (target: string, host: string | undefined) => autoconfigAnswer(life.config, target, host),
  };
}

function announce({ options, config, application, processLog }: Life, { demo, redis }: Prepared, health: HealthServer): void {
  const listeners = application?.listeners ?? [];
  const took = performance.now();
  processLog.log.info({ listeners, health: { address: health.address, port: health.port }, took: Math.round(took) }, 'ready');
  if (options.mode.kind === 'roles' && demo === null) return;
  const facts = {
    config,
    file: options.config,
    listeners,
    health,
    took,
    redis: redis && { pid: redis.pid(), adopted: redis.adopted },
    demo: demo && { address: DEMO_ACCOUNT, ...demo },
  };
  process.stdout.on('error', () => {}); // nobody reads it any more: no reason to stop
  process.stdout.write(banner(facts));
  demo?.remember();
}

/** `doors`: the roles of whose new ports we look whether they can be had; nothing is changed when one cannot. */
function reloadOnChange(life: Life, prepared: Prepared, doors: readonly Door[]): void {
  const { options, processLog, cleanup } = life;
  const { log } = processLog;
  const change = async () => {
    if (life.state !== 'running') return;
    const written = options.config === null ? builtinConfig() : loadConfig(options.config);
    const { config, kept } = keepFixed(life.config, prepared.inForce(written));
    await probePorts(newPorts(portsOf(life.config, doors), portsOf(config, doors)), 0).catch((error: unknown) => {
      throw new OperatorError((operatorLines(error, config) ?? [String(error)]).join('; '));
    });
    if (kept.length > 0) log.warn({ settings: kept }, 'these settings change only at the next start');
    life.config = config;
    processLog.reload(config);
    life.application?.configure(config);
    log.info('configuration reloaded');
  };
  let last = Promise.resolve();
  const reload = () => {
    last = last.then(change).catch((error: unknown) => {
      const problems = operatorLines(error);
      if (problems === null) throw error;
      log.error({ problems }, 'the new configuration is wrong; the old one stays in force');
    });
  };
  life.reload = reload;
  const watch = options.config === null ? null : watchConfig(options.config, log, reload);
  cleanup.defer(() => watch?.close());
}

/** The first SIGTERM or SIGINT drains, the second aborts. The end of our terminal or of npm drains too. */
function endOnSignals(life: Life, rising: Promise<void>): void {
  const { processLog, abort, cancel, cleanup } = life;
  const end = async () => {
    cancel.abort();
    await rising.catch(() => {}); // told by the signal's sender: a start cut short is no error
    await life.application?.drain(AbortSignal.any([abort.signal, AbortSignal.timeout(life.config.drain_timeout)]));
    await cleanup.disposeAsync();
    processLog.log.info('stopped');
    exit(processLog, abort.signal.aborted ? 1 : 0);
  };
  const first = (why: string) => {
    life.state = 'draining';
    processLog.log.info({ why }, 'draining');
    end().catch((error: Error) => exit(processLog, 1, [String(error.stack)]));
  };
  // Before there is anything to drain, only exit is left.
  const begin = onStopSignals(first, () => (life.application ? abort.abort() : exit(processLog, 1)));
  onHangUp({ reload: () => life.reload(), left: begin });
}

/** A bug: this process ends at once, its children drain, and an embedded Redis is adopted by the next start. */
function crashOn(processLog: ProcessLog): void {
  const crash = (error: unknown) => {
    processLog.log.fatal({ err: error }, 'bug: stopping');
    exit(processLog, 1, [String((error as Error)?.stack ?? error)]);
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
}

function exit(processLog: ProcessLog, status: number, lines: readonly string[] = []): never {
  processLog.flush();
  for (const line of lines) process.stderr.write(`stafette: ${line}\n`);
  process.exit(status);
}
