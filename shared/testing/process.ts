// One child process of a test: it owns the process, which never outlives the process that started it. What can fail: the start.
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

export type Child = {
  readonly pid: number;
  /** Sends a signal; does nothing once the process has ended. */
  signal(name: NodeJS.Signals): void;
  /** Sends a signal (SIGKILL unless another is named) to the process, stopped or not, and resolves when it has ended. */
  end(name?: NodeJS.Signals): Promise<void>;
  /** Settles when the process has ended. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  running(): boolean;
};

const OUTPUT = 'output.log';

/** The absolute path of the first of these programs that stands in PATH. */
export function findProgram(...names: readonly string[]): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isProgram);
}

/** Starts a program in the folder `cwd`, with its output appended to output.log there. On Linux it is killed with us, however we end. */
export async function startChild(program: string, args: readonly string[], cwd: string): Promise<Child> {
  const tether = findProgram('setpriv');
  const [command, ...rest] = tether === undefined ? [program, ...args] : [tether, '--pdeathsig', 'KILL', program, ...args];
  const output = await open(join(cwd, OUTPUT), 'a');
  try {
    const child = spawn(command as string, rest, { cwd, stdio: ['ignore', output.fd, output.fd] });
    await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
    return asChild(child);
  } finally {
    await output.close();
  }
}

/** The last lines of what the children started in `cwd` wrote. */
export async function outputOf(cwd: string, lines = 15): Promise<string> {
  const text = await readFile(join(cwd, OUTPUT), 'utf8');
  return text.trimEnd().split('\n').slice(-lines).join('\n');
}

function asChild(child: ChildProcess): Child {
  const killWithUs = () => child.kill('SIGKILL');
  process.once('exit', killWithUs);
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('exit', (code, signal) => {
      process.off('exit', killWithUs);
      resolve({ code, signal });
    });
  });
  const running = () => child.exitCode === null && child.signalCode === null;
  const signal = (name: NodeJS.Signals) => void (running() && child.kill(name));
  const end = async (name: NodeJS.Signals = 'SIGKILL') => {
    signal(name);
    if (name !== 'SIGKILL') signal('SIGCONT');
    await ended;
  };
  return { pid: child.pid as number, signal, end, ended, running };
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
