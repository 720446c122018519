// The load test's command line. `npm run loadtest -- help` shows what it can do.
import { parseArgs } from 'node:util';
import { runSeries, type SeriesOptions, summarise } from './compare.ts';
import { machineFacts } from './machine.ts';
import { SCENARIOS as MAILBOX_SCENARIOS } from './mailboxes/scenarios.ts';
import { COMPARED, type MailboxSeries, runMailboxes, SERVERS } from './mailboxes/series.ts';
import { createProgress } from './progress.ts';
import { writeReport } from './report.ts';
import { scenarioNames } from './scenario.ts';
import { runTellToReceive } from './tell-to-receive.ts';

const USAGE = `npm run loadtest -- COMMAND

  compare            stafette and postfix in interleaved pairs; --scenarios s1,s2 (default s1,s2,s3,s4)
  run SCENARIO...    one target, stafette unless --target says otherwise
  low-load           compare at 50 and at 400 messages a second
  slow-destination   the fast set alone and among mail for 1 and for 1,000 tarpits
  deferred-backlog   memory and draining of 20,000 deferred messages
  idle               CPU and memory of a fresh start without mail
  mailboxes          stafette beside Postfix and Dovecot as a mail server, in interleaved runs; --scenarios delivery-4k,idle (default all)
  tell-to-receive    the actor runtime alone: entries told and received per second, and their CPU, for 1, 4 and 100 keys
  report             docs/performance.md and its plots, from loadtest/results

  --pairs N          runs of each target (default 5 to compare, else 1)
  --target NAME      stafette, postfix or passthrough; a list separated by commas for compare
  --split N          stafette as N processes of each role
  --warmup N         messages sent before measuring, instead of the scenario's
  --directory DIR    on the disk to test (default /var/tmp)
  --filled DIR       mailboxes: keeps the large mailboxes there and finds them again; with --pairs 0 it only fills them
  --record           append the results to loadtest/results

The proofs of services/scenarios are recorded there too: STAFETTE_RECORD=1 npm run soak -- services/scenarios/no-duplicates.soak.ts

Scenarios: ${scenarioNames().join(', ')}
Of mailboxes: ${MAILBOX_SCENARIOS.map(({ name }) => name.replace('mailboxes-', '')).join(', ')}; targets ${Object.keys(SERVERS).join(', ')}
Postfix and Dovecot need root and Debian's packages: apt-get install postfix dovecot-imapd dovecot-pop3d dovecot-lmtpd, without starting them.
`;

const SHORTCUTS: Readonly<Record<string, { readonly scenarios: readonly string[]; readonly targets: readonly string[] }>> = {
  compare: { scenarios: ['s1', 's2', 's3', 's4'], targets: ['stafette', 'postfix'] },
  'low-load': { scenarios: ['low-load-50', 'low-load-400'], targets: ['stafette', 'postfix'] },
  'slow-destination': { scenarios: ['slow-destination-1', 'slow-destination-1000'], targets: ['stafette'] },
  'deferred-backlog': { scenarios: ['deferred-backlog'], targets: ['stafette'] },
  idle: { scenarios: ['idle'], targets: ['stafette'] },
  'tell-to-receive': { scenarios: ['tell-to-receive'], targets: ['stafette'] },
  run: { scenarios: [], targets: ['stafette'] },
  mailboxes: { scenarios: MAILBOX_SCENARIOS.map(({ name }) => name), targets: COMPARED },
};

function seriesOptions(command: string, args: readonly string[]): Omit<SeriesOptions & MailboxSeries, 'machine' | 'progress' | 'signal'> | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      scenarios: { type: 'string' },
      pairs: { type: 'string' },
      target: { type: 'string' },
      split: { type: 'string' },
      warmup: { type: 'string' },
      directory: { type: 'string', default: '/var/tmp' },
      filled: { type: 'string' },
      record: { type: 'boolean', default: false },
    },
  });
  const shortcut = SHORTCUTS[command];
  const scenarios = values.scenarios?.split(',') ?? (positionals.length > 0 ? positionals : shortcut?.scenarios);
  if (!shortcut || !scenarios || scenarios.length === 0) return undefined;
  const targets = values.target?.split(',') ?? shortcut.targets;
  return {
    scenarios,
    targets,
    pairs: values.pairs === undefined ? (targets.length > 1 ? 5 : 1) : number('pairs', values.pairs),
    ...(values.split === undefined ? {} : { split: number('split', values.split) }),
    ...(values.warmup === undefined ? {} : { warmup: number('warmup', values.warmup) }),
    directory: values.directory,
    ...(values.filled === undefined ? {} : { filled: values.filled }),
    record: values.record,
    command: `npm run loadtest -- ${[command, ...args].join(' ')}`.replace(/ --(?:directory|filled)[= ]\S+/g, ''),
  };
}

function number(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new Error(`--${name} ${text}: expected a whole number`);
  return value;
}

async function main([command = 'help', ...args]: readonly string[]): Promise<number> {
  const progress = createProgress();
  if (command === 'report') {
    for (const file of writeReport()) progress.print(file);
    return 0;
  }
  const options = seriesOptions(command, args);
  if (!options) {
    process.stdout.write(USAGE);
    return command === 'help' ? 0 : 1;
  }
  const interrupted = new AbortController();
  // Not once: `timeout` and terminals send the signal to the group too, and the target must be stopped first.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupted.abort());
  progress.show('measuring disk and memory');
  const machine = machineFacts(options.directory);
  progress.print(`${machine.cores} cores, ${machine.fileSystem}, fdatasync of 4 KB ${machine.syncs4k}/s, of 100 KB ${machine.syncs100k}/s`);
  const series = { ...options, machine, progress, signal: interrupted.signal };
  const run = { mailboxes: runMailboxes, 'tell-to-receive': runTellToReceive }[command] ?? runSeries;
  const results = await run(series);
  process.stdout.write(`${summarise(results).join('\n')}\n`);
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
