// The order of system calls, from strace: which files were written and not yet synced when a 250 left. Owns the parsing of strace's lines;
// the tracer itself is a child process of the test.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '#shared/testing/eventually.ts';
import { findProgram } from '#shared/testing/process.ts';

export type Tracer = { stop(): Promise<readonly string[]> };

const CALLS = 'write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,fsync,fdatasync';

/** Attaches to these processes and all their threads; resolves when every one is traced. `stop` resolves with the lines, in order. */
export async function traceCalls(pids: readonly number[], folder: string): Promise<Tracer> {
  if (findProgram('strace') === undefined) throw new Error('strace does not stand in PATH; on Debian: apt-get install strace');
  const file = join(folder, 'strace.out');
  const attach = pids.flatMap((pid) => ['-p', String(pid)]);
  const tracer = spawn('strace', ['-f', '-y', '-s', '100000', '-e', `trace=${CALLS}`, '-o', file, ...attach], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  tracer.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const ended = once(tracer, 'exit');
  await eventually(
    () => {
      if (tracer.exitCode !== null) throw new Error(said);
      return pids.every((pid) => new RegExp(`[Pp]rocess ${pid} attached`).test(said));
    },
    { within: 20_000 },
  );
  return {
    async stop() {
      tracer.kill('SIGINT');
      await ended;
      return (await readFile(file, 'utf8')).split('\n');
    },
  };
}

/** What was wrong at one 250: nothing, or the files that were behind. */
export type Late = { readonly id: string; readonly why: string };

interface Pending {
  readonly text: string;
  readonly writtenAt: number;
}

/**
 * Judges every `250 ... queued as ID` among the lines. strace prints a call when it has returned, or `<unfinished ...>` when another event
 * comes first and `resumed` at the return: so a line's place is the end of a whole call and, for one interrupted, its beginning.
 * A 250 is late when the append-only file's write that holds its ID, or any write of content, has no sync that began after it and ended.
 */
export function judgeOrder(lines: readonly string[]): { readonly answered: number; readonly contentSynced: number; readonly late: readonly Late[] } {
  const appended = new Map<string, Pending[]>();
  const content = new Map<string, number>();
  const began = new Map<string, { readonly file: string; readonly at: number; readonly text: string; readonly sync: boolean }>();
  const late: Late[] = [];
  let safe = '';
  let [answered, contentSynced] = [0, 0];

  const written = (file: string, text: string, at: number) => {
    if (file.endsWith('.aof')) appended.set(file, [...(appended.get(file) ?? []), { text, writtenAt: at }]);
    else if (file.includes('/content/')) content.set(file, at);
  };
  const syncEnded = (file: string, beganAt: number) => {
    const waiting = appended.get(file) ?? [];
    for (const { text, writtenAt } of waiting) if (writtenAt < beganAt) safe += text;
    appended.set(
      file,
      waiting.filter(({ writtenAt }) => writtenAt >= beganAt),
    );
    if ((content.get(file) ?? beganAt) < beganAt) {
      content.delete(file);
      contentSynced += 1;
    }
  };
  const answer = (text: string) => {
    for (const [, id = ''] of text.matchAll(/250 2\.0\.0 Ok: queued as ([0-9A-Z]{25})/g)) {
      answered += 1;
      if (!safe.includes(id)) late.push({ id, why: 'the append-only file was not synced' });
      if (content.size > 0) late.push({ id, why: `content was not synced: ${[...content.keys()].join(', ')}` });
    }
  };

  for (const [at, line] of lines.entries()) {
    const resumed = /^(\d+)\s+<\.\.\. (\w+) resumed>/.exec(line);
    if (resumed) {
      const call = began.get(resumed[1] ?? '');
      began.delete(resumed[1] ?? '');
      if (call?.sync) syncEnded(call.file, call.at);
      else if (call) written(call.file, call.text, at);
      continue;
    }
    const [, thread = '', name = '', file = '', rest = ''] = /^(\d+)\s+(\w+)\(\d+<((?:[^<>]|->)*)>(.*)$/.exec(line) ?? [];
    const sync = name === 'fsync' || name === 'fdatasync';
    // Bytes may leave as soon as a write to a socket begins.
    if (/^(TCP|socket|UNIX)/.test(file)) answer(rest);
    else if (rest.endsWith('<unfinished ...>')) began.set(thread, { file, at, text: rest, sync });
    else if (sync) syncEnded(file, at);
    else if (file !== '') written(file, rest, at);
  }
  return { answered, contentSynced, late };
}
