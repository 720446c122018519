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
  dns-records DOMAIN [--autoconfig]      what its DNS should say of us; or the settings that mail clients read

  account add ADDRESS [--quota 2GB]      an account beside those of the configuration; its password is made
  account passwd ADDRESS                 and shown once, or read with --password-stdin
  account quota ADDRESS [--quota 2GB]    another limit than mailstore.quota, or that again
  account list                           all accounts, and how full they are
  account remove ADDRESS [--delete-mail] no more mail, no more logins; the mail it has is kept unless said
  mailbox list [ADDRESS]                 mailboxes, messages and sizes
  mailbox import ADDRESS PATH            a Maildir (with its folders) or an mbox file, into INBOX or --mailbox NAME
  mailbox export ADDRESS PATH            as a Maildir, or --format mbox; --mailbox NAME for one mailbox alone;
                                         --delete removes what an earlier export wrote and is gone since
  mailbox check [ADDRESS] [--digests]    index against content; --digests reads all of it
  mailbox backup FOLDER                  a consistent copy of index and content

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
account and mailbox work on the database and files of the configuration directly, whether Stafette runs or not
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
  autoconfig: { type: 'boolean' },
  'password-stdin': { type: 'boolean' },
  delete: { type: 'boolean' },
  'delete-mail': { type: 'boolean' },
  quota: { type: 'string' },
  format: { type: 'string' },
  digests: { type: 'boolean' },
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
