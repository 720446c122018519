// Dovecot's imaptest: its scripted tests, one after another, and its stress mode. The program is not in Debian: IMAPTEST names it and IMAPTEST_SCRIPTS the
// folder src/tests of its sources (docs/interop.md tells how to build it); without them nothing is tested here.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { hashPassword } from '#shared/directory/password.ts';
import { freePort } from '#shared/testing/free-port.ts';
import { type MailServer, startMailServer } from './testing/mail-server.ts';

const { IMAPTEST = '', IMAPTEST_SCRIPTS = '', LD_LIBRARY_PATH = '' } = process.env;
const STRESS_SECONDS = 60;

/** Marked so by imaptest itself. */
const LEFT_OUT = new Set(['broken']);
/** Its syntax is newer than the imaptest that can be built with Debian's Dovecot. */
const TOO_NEW = /Failed to read test/;

async function withImaptest(use: (run: (...args: readonly string[]) => Promise<string>, server: MailServer) => Promise<void>): Promise<void> {
  const port = await freePort();
  const password_hash = await hashPassword('secret');
  const accounts = Array.from({ length: 10 }, (_, index) => ({ address: `user${index + 1}@example.org`, password_hash }));
  await using server = await startMailServer({ accounts, imap: { listeners: [{ port, clear_passwords: true }] } });
  const home = await server.home('imaptest');
  const common = ['host=127.0.0.1', `port=${port}`, 'pass=secret', `mbox=${join(IMAPTEST_SCRIPTS, 'default.mbox')}`];
  await use(
    (...args) => home.run(IMAPTEST, [...common, ...args], { within: (STRESS_SECONDS + 60) * 1000, status: [0, 1, 2, 89], env: { LD_LIBRARY_PATH } }),
    server,
  );
}

describe.skipIf(IMAPTEST === '' || IMAPTEST_SCRIPTS === '')('imaptest', () => {
  test('its scripted tests', async () => {
    const scripts = readdirSync(IMAPTEST_SCRIPTS).filter((name) => !name.endsWith('.mbox') && !LEFT_OUT.has(name));
    const failed: Record<string, string> = {};
    await withImaptest(async (run) => {
      for (const script of scripts) {
        const said = await run('user=user1@example.org', `test=${join(IMAPTEST_SCRIPTS, script)}`).catch(String);
        if (!/^1 test groups: 0 failed/m.test(said) && !TOO_NEW.test(said)) failed[script] = said;
      }
    });
    expect(failed).toEqual({});
  });

  test(`its stress mode, ${STRESS_SECONDS} s`, async () => {
    await withImaptest(async (run, server) => {
      const said = await run('user=user%d@example.org', 'users=10', 'clients=20', `secs=${STRESS_SECONDS}`, 'seed=1');
      expect(said.split('\n').filter((line) => /^(Error|Fatal|Panic|Warning)/.test(line))).toEqual([]);
      expect(server.product.log().filter(({ level }) => Number(level) >= 50)).toEqual([]);
    });
  });
});
