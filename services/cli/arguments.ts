// The command line of `stafette`: words and options, the same options everywhere. What can fail: UsageError.
import { parseArgs } from 'node:util';
import { UsageError } from './usage-error.ts';

export const USAGE = `usage: stafette COMMAND [OPTION...]

  trace ID | ADDRESS | MESSAGE-ID        what became of a message, or of the last ones of an address
  queue list [FILTER]                    what is queued
  queue show ID [--content]              one message, whole; with its content
  queue flush [FILTER]                   try now what waits (everything without a filter)
  queue hold | release | delete FILTER   keep messages back, let them go, drop them for good
  dead-letters list                      what an actor could not handle
  dead-letters replay | drop CHOICE      ID, --mailbox NAME or --all
  status                                 queues, memory, whether mail is taken
  config check FILE                      whether a configuration can be served
  config schema                          its JSON Schema, for editors
  hash-password                          reads a password, prints its hash for accounts

filter: ID..., --id ID, --sender ADDRESS, --recipient ADDRESS, --domain DOMAIN, --older-than 4h,
        --state held|incoming|deferred|active|owed, or --all
options:
  --json             the answer as JSON
  --limit N          at most so many (list, trace)
  --order oldest     instead of newest (list);  --cursor ID for the next page
  --config FILE      the configuration in force (default STAFETTE_CONFIG, else the built-in one)
  --url URL          the admin API (default from the configuration)
  --token-file FILE  its token (default from the configuration)
  --help             this text
`;

const OPTIONS = {
  json: { type: 'boolean' },
  all: { type: 'boolean' },
  content: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  id: { type: 'string' },
  sender: { type: 'string' },
  recipient: { type: 'string' },
  domain: { type: 'string' },
  'older-than': { type: 'string' },
  state: { type: 'string' },
  mailbox: { type: 'string' },
  limit: { type: 'string' },
  order: { type: 'string' },
  cursor: { type: 'string' },
  config: { type: 'string' },
  url: { type: 'string' },
  'token-file': { type: 'string' },
} as const;

export type Options = ReturnType<typeof parse>['values'];

export interface CommandLine {
  readonly words: readonly string[];
  readonly options: Options;
}

/** Reads the arguments after the script's name. Throws UsageError. */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  try {
    const { positionals, values } = parse(argv);
    return { words: positionals, options: values };
  } catch (error) {
    throw new UsageError((error as Error).message.split('\n')[0] ?? '');
  }
}

function parse(argv: readonly string[]) {
  return parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
}
