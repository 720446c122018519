// `stafette`: the operator's command line. Exit status 0: done; 1: it failed or there was nothing to find; 2: not understood.
import { parseCommandLine, USAGE } from './arguments.ts';
import type { Command, Output } from './commands.ts';
import { plain } from './terminal.ts';
import { CommandError, UsageError } from './usage-error.ts';

// A pager or head that has seen enough is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

try {
  process.exitCode = await run(process.argv.slice(2));
} catch (error) {
  const { lines, code } = await explained(error);
  for (const line of lines) process.stderr.write(`stafette: ${plain(line)}\n`);
  process.exitCode = code;
}

async function run(argv: readonly string[]): Promise<number> {
  const line = parseCommandLine(argv);
  const output = outputOf(line.options.json === true);
  const [command] = line.words;
  if (line.options.help || command === undefined || command === 'help') {
    process.stdout.write(USAGE);
    return command === undefined && !line.options.help ? 2 : 0;
  }
  // Each is imported only when it runs: a start is most of what a command costs.
  if (command === 'config') return (await import('./config-command.ts')).config(line, output);
  if (command === 'hash-password') return (await import('./hash-password.ts')).printPasswordHash(line, output);
  if (command === 'account') return (await import('./account/account-command.ts')).account(line, output);
  if (command === 'mailbox') return (await import('./mailbox/mailbox-command.ts')).mailbox(line, output);
  if (command === 'dns-records') return (await import('./dns-records.ts')).printDnsRecords(line, output);
  const online = await load(command);
  if (!online) throw new UsageError(`${command}: no such command; stafette --help lists them`);
  const { createClient } = await import('./client.ts');
  return online(line, createClient(line.options, process.env), output);
}

async function load(command: string): Promise<Command | undefined> {
  if (command === 'queue') return (await import('./queue-commands.ts')).queue;
  const { trace, status, deadLetters } = await import('./commands.ts');
  return new Map([
    ['trace', trace],
    ['status', status],
    ['dead-letters', deadLetters],
  ]).get(command);
}

function outputOf(asJson: boolean): Output {
  return {
    print: (line) => void process.stdout.write(`${plain(line)}\n`),
    write: (content) => void process.stdout.write(content),
    json: (answer) => {
      if (asJson) process.stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
      return asJson;
    },
    now: () => Date.now(),
  };
}

/** A bug keeps its stack trace. */
async function explained(error: unknown): Promise<{ lines: readonly string[]; code: number }> {
  if (error instanceof UsageError) return { lines: [error.message], code: 2 };
  if (error instanceof CommandError) return { lines: [error.message], code: 1 };
  const { ConfigError } = await import('#shared/config/load.ts');
  if (error instanceof ConfigError) return { lines: error.lines, code: 1 };
  throw error;
}
