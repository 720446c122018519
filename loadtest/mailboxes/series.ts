// The comparison of mailboxes: scenarios in interleaved runs (Stafette, Maildir, mdbox, and again), each result a JSON line as those of the relay.
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '#shared/testing/temp-dir.ts';
import { formatFigures } from '../compare.ts';
import { type MachineFacts, syncRate } from '../machine.ts';
import type { Progress } from '../progress.ts';
import { type Figures, keepResult, newSeries, type Result } from '../results.ts';
import { maildir, mdbox, xapian } from './dovecot.ts';
import { writeLargeMaildir } from './large-maildir.ts';
import type { MailServer, MailTarget, MailTargetOptions } from './mail-target.ts';
import { runDelivery } from './run-delivery.ts';
import { runIdle } from './run-idle.ts';
import { runLarge } from './run-large.ts';
import { runPop3 } from './run-pop3.ts';
import { type MailboxScenario, mailboxScenario } from './scenarios.ts';
import { stafette } from './stafette.ts';

export const SERVERS: Readonly<Record<string, MailServer>> = { stafette, maildir, mdbox, xapian };
/** Those that are compared unless others are named. */
export const COMPARED: readonly string[] = ['stafette', 'maildir', 'mdbox'];

export interface MailboxSeries {
  readonly scenarios: readonly string[];
  readonly targets: readonly string[];
  readonly pairs: number;
  readonly split?: number;
  readonly directory: string;
  /** Holds the large mailboxes, made when they are not there; without it they are made for the series. */
  readonly filled?: string;
  readonly record: boolean;
  readonly command: string;
  readonly machine: MachineFacts;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

export async function runMailboxes(options: MailboxSeries): Promise<Result[]> {
  const { progress } = options;
  const series = newSeries(options);
  const servers = options.targets.map(serverNamed);
  const results: Result[] = [];
  for (const scenario of options.scenarios.map(mailboxScenario)) {
    // First all of them: what is read later has been written long before, for every server.
    if (scenario.kind === 'large') for (const server of servers) await filled(scenario, server, options);
    for (let pair = 1; pair <= options.pairs; pair++) {
      for (const server of servers) {
        // A shared disk is not the same from run to run: what it did just before says how far runs can be compared.
        const diskSyncs = syncRate(options.directory, 4096);
        const { figures: found, version } = await runOnce(scenario, server, options);
        const figures = { ...found, diskSyncs };
        const { target, variant } = server;
        const result = keepResult(series, { scenario: scenario.name, target, version, variant, split: options.split, pair, figures }, options.record);
        results.push(result);
        progress.print(`${scenario.name} ${pair}/${options.pairs} ${nameOf(server)}: ${formatFigures(figures)}`);
      }
    }
  }
  return results;
}

function serverNamed(name: string): MailServer {
  const server = SERVERS[name];
  if (!server) throw new Error(`no target ${name}; there are ${Object.keys(SERVERS).join(', ')}`);
  return server;
}

async function runOnce(scenario: MailboxScenario, server: MailServer, options: MailboxSeries): Promise<{ figures: Figures; version: string }> {
  await using directory = await tempDir('mailboxes', options.directory);
  const split = server.target === 'stafette' ? options.split : undefined;
  const fresh: MailTargetOptions = { directory: directory.path, accounts: accountsOf(scenario), ...(split && { split }) };
  const at = scenario.kind === 'large' ? { ...fresh, directory: await filled(scenario, server, options) } : fresh;
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(scenario.limit * 1000)]);
  options.progress.show(`${scenario.name}: starting ${nameOf(server)}`);
  const target = await server.start(at);
  try {
    return { figures: await measure(scenario, target, signal), version: target.version };
  } finally {
    await target.stop();
  }
}

/** The large mailbox of a server, filled when it is not there. */
async function filled(scenario: Extract<MailboxScenario, { kind: 'large' }>, server: MailServer, { filled: folder, progress }: MailboxSeries): Promise<string> {
  if (folder === undefined) throw new Error('large mailboxes are made once: name a directory for them with --filled');
  const source = join(folder, `source-${scenario.messages}`);
  const directory = join(folder, nameOf(server));
  const done = join(directory, 'filled');
  if (existsSync(done)) return directory;
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  if (!existsSync(source)) {
    progress.print(`${scenario.name}: writing ${source}`);
    writeLargeMaildir(`${source}.part`, scenario.messages, scenario.size);
    renameSync(`${source}.part`, source);
  }
  const began = performance.now();
  await server.fill({ directory, accounts: accountsOf(scenario) }, source);
  writeFileSync(done, '');
  progress.print(`${scenario.name}: filled ${nameOf(server)} in ${((performance.now() - began) / 1000).toFixed(0)} s`);
  return directory;
}

function nameOf({ target, variant }: MailServer): string {
  return variant ?? target;
}

function accountsOf(scenario: MailboxScenario): number {
  if (scenario.kind === 'large') return 2;
  return scenario.kind === 'pop3' ? 2 : scenario.mailboxes;
}

function measure(scenario: MailboxScenario, target: MailTarget, signal: AbortSignal): Promise<Figures> {
  switch (scenario.kind) {
    case 'delivery':
      return runDelivery(scenario, target, signal);
    case 'large':
      return runLarge(scenario, target, signal);
    case 'idle':
      return runIdle(scenario, target, signal);
    case 'pop3':
      return runPop3(scenario, target, signal);
  }
}
