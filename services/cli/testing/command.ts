// Runs a command of the command line within the test's process, with a configuration of its own. Owns the folder.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { ConfigInput } from '#shared/config/schema.ts';
import { tempDir } from '#shared/testing/temp-dir.ts';
import { account } from '../account/account-command.ts';
import { parseCommandLine } from '../arguments.ts';
import type { Output } from '../commands.ts';
import { mailbox } from '../mailbox/mailbox-command.ts';

export interface CommandWorld extends AsyncDisposable {
  readonly path: string;
  readonly dataDir: string;
  /** Lines printed, and the exit status. Rejects as the command does. */
  run(...args: readonly string[]): Promise<{ readonly lines: readonly string[]; readonly status: number }>;
  /** The same with --json. */
  json(...args: readonly string[]): Promise<Record<string, unknown> & { readonly status: number }>;
}

const CONFIG: ConfigInput = {
  hostname: 'mx.example.org',
  domains: { 'example.org': { aliases: { sales: 'alice@example.org' } } },
  accounts: [{ address: 'alice@example.org' }, { address: 'bob@example.org', password_hash: `$scrypt$2$1$1$${'A'.repeat(22)}$${'A'.repeat(43)}` }],
  queue: { min_free: '1MB' },
};

export async function commandWorld(config: ConfigInput = {}): Promise<CommandWorld> {
  const directory = await tempDir('command');
  const dataDir = join(directory.path, 'data');
  const file = join(directory.path, 'c.yaml');
  writeFileSync(file, stringify({ ...CONFIG, data_dir: dataDir, ...config }));
  const run = async (...args: readonly string[]) => {
    const lines: string[] = [];
    const output: Output = {
      print: (line) => void lines.push(line),
      write: (content) => void lines.push(content.toString()),
      json: (answer) => args.includes('--json') && lines.push(JSON.stringify(answer)) > 0,
      now: () => 1_700_000_000_000,
    };
    const line = parseCommandLine([...args, '--config', file]);
    const status = await (line.words[0] === 'account' ? account : mailbox)(line, output);
    return { lines, status };
  };
  return {
    path: directory.path,
    dataDir,
    run,
    json: async (...args) => {
      const { lines, status } = await run(...args, '--json');
      return { ...(JSON.parse(lines[0] ?? '{}') as Record<string, unknown>), status };
    },
    [Symbol.asyncDispose]: directory.remove,
  };
}
