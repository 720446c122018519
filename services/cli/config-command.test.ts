// `stafette config check` on aliases whose ends only the mail store knows: they are warned of, and are no mistake.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseCommandLine } from './arguments.ts';
import { config } from './config-command.ts';
import { commandWorld } from './testing/command.ts';

async function check(file: string): Promise<{ readonly lines: readonly string[]; readonly status: number }> {
  const lines: string[] = [];
  const output = { print: (line: string) => void lines.push(line), write: () => {}, json: () => false, now: () => 0 };
  const status = await config(parseCommandLine(['config', 'check', file]), output);
  return { lines: lines.map((line) => line.replaceAll(file, 'c.yaml')), status };
}

const ALIASES = { sales: 'alice@example.org', info: ['bob@example.org', 'Carol+info@example.org'], away: 'carol@elsewhere.example' };
const NOBODY = 'no account or alias has this name, so its mail is bounced: expected one (`stafette account add` makes one), or an address elsewhere';

test('an alias to nobody is warned of until somebody has the name, with key, value and what was expected', async () => {
  await using world = await commandWorld({ domains: { 'example.org': { aliases: ALIASES } } });
  const file = join(world.path, 'c.yaml');
  const warned = [expect.stringMatching(/^warning: c.yaml:\d+: domains."example.org".aliases.info\[1\] is "Carol\+info@example.org": no account/)];
  expect(await check(file)).toEqual({ status: 0, lines: [...warned, 'c.yaml: good, but for what is warned of'] });
  expect(existsSync(world.dataDir)).toBe(false);
  await world.run('account', 'add', 'dave@example.org');
  expect(await check(file)).toMatchObject({ status: 0, lines: [...warned, expect.anything()] });
  await world.run('account', 'add', 'carol@example.org');
  expect(await check(file)).toEqual({ status: 0, lines: ['c.yaml: good'] });
});

test('a catch-all that is nobody, and one that leads round, are warned of', async () => {
  const domains = { 'a.example': { catch_all: 'x@a.example' }, 'b.example': { aliases: { info: 'nobody@b.example' }, catch_all: 'info@b.example' } };
  await using world = await commandWorld({ domains, accounts: [], postmaster: 'p@elsewhere.example' });
  expect((await check(join(world.path, 'c.yaml'))).lines).toEqual([
    expect.stringMatching(/^warning: .*domains."a.example".catch_all is "x@a.example": no account or alias/),
    expect.stringMatching(/^warning: .*domains."b.example".aliases.info is "nobody@b.example": this leads back to itself/),
    expect.stringMatching(/^warning: .*domains."b.example".catch_all is "info@b.example": this leads back to itself/),
    'c.yaml: good, but for what is warned of',
  ]);
});

test('a mail store that cannot be looked at is said beside what may be wrong', async () => {
  await using world = await commandWorld({ domains: { 'example.org': { aliases: { info: 'carol@example.org' } } } });
  mkdirSync(world.dataDir);
  writeFileSync(join(world.dataDir, 'mail.sqlite'), 'no database at all'.repeat(100));
  const { status, lines } = await check(join(world.path, 'c.yaml'));
  expect([status, lines]).toEqual([
    0,
    [
      expect.stringContaining(NOBODY),
      expect.stringMatching(/^warning: the accounts that `stafette account add` has made could not be looked at: the accounts cannot be opened: .*/),
      'c.yaml: good, but for what is warned of',
    ],
  ]);
});
