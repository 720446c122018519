// Starting and ending the processes of a target: output to a file, an error with its last lines when it ends early, readiness
// by its SMTP greeting, and an end by SIGTERM, then SIGKILL, to the processes it was seen to have and no others.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { findProgram } from '#shared/testing/process.ts';
import { MARK, processesOf, readProcess } from '../measure.ts';

export interface TargetProcess {
  readonly child: ChildProcess;
  readonly pid: number;
  /** Throws with the end of its output when the process has ended. */
  check(): void;
}

/** Starts a command, leader of its own process group (Postfix's master insists), with its output in `outputFile`. */
export function startProcess(command: string, args: readonly string[], outputFile: string, environment: NodeJS.ProcessEnv, mark: string): TargetProcess {
  const output = openSync(outputFile, 'a');
  // On Linux it is told to end when we are killed: a forgotten relay would spoil every later measurement.
  const tether = findProgram('setpriv');
  const [program, ...words] = tether === undefined ? [command, ...args] : [tether, '--pdeathsig', 'TERM', command, ...args];
  const child = spawn(program ?? command, words, { detached: true, stdio: ['ignore', output, output], env: { ...environment, [MARK]: mark } });
  closeSync(output);
  let failure: Error | undefined;
  child.once('error', (error) => {
    failure = error;
  });
  return {
    child,
    pid: child.pid ?? -1,
    check() {
      if (failure) throw failure;
      if (child.exitCode === null && child.signalCode === null) return;
      throw new Error(`${command} ended (${child.exitCode ?? child.signalCode}):\n${readFileSync(outputFile, 'utf8').slice(-2000)}`);
    },
  };
}

/** Resolves when `probe` says yes. When the process ends or `limit` milliseconds have passed, ends what is left of it and throws. */
export async function untilReady(target: TargetProcess, mark: string, probe: () => Promise<boolean>, limit = 60_000): Promise<void> {
  const deadline = performance.now() + limit;
  try {
    while (!(await probe())) {
      target.check();
      if (performance.now() > deadline) throw new Error(`not ready after ${limit / 1000} s`);
      await wait(50);
    }
  } catch (error) {
    await endProcess(target, mark);
    throw error;
  }
}

/** Whether a server greets on a loopback port: SMTP with 220, others as said. */
export function greets(port: number, greeting = '220'): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(5000, () => end(false));
    socket.once('error', () => end(false));
    socket.once('close', () => end(false));
    socket.once('data', (chunk) => end(chunk.toString('latin1').startsWith(greeting)));
  });
}

/** SIGTERM to the root; after `patience` milliseconds SIGKILL to every process of the target that is left. */
export async function endProcess(target: TargetProcess, mark: string, patience = 30_000): Promise<void> {
  const members = processesOf([target.pid], mark);
  const left = () => members.filter(({ pid, startedAt }) => readProcess(pid)?.startedAt === startedAt);
  const deadline = performance.now() + (target.child.kill('SIGTERM') ? patience : 0);
  while (left().length > 0 && performance.now() < deadline) await wait(20);
  for (const { pid } of left()) kill(pid);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
