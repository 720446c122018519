// Debian's Postfix and Dovecot as a mail server under test: Postfix takes the mail and hands it on by LMTP, Dovecot keeps it as Maildir or as
// mdbox. Private instances with everything in the run's directory; they need root and the packages. Fails with what to type otherwise.
import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '#shared/testing/free-port.ts';
import { endProcess, greets, startProcess, untilReady } from '../targets/child.ts';
import { fillIn, startPostfix } from '../targets/postfix.ts';
import { accountName, type MailServer, type MailTarget, type MailTargetOptions, PASSWORD } from './mail-target.ts';

const DOVECOT = '/usr/sbin/dovecot';
const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };
/** Debian lets one user have 128 inotify instances: with fewer sessions than that of one user, IDLE hears of mail at once. */
const ACCOUNTS_OF_USER = 100;
const FIRST_USER = 20_000;

type Format = 'maildir' | 'mdbox';

interface Flavour {
  readonly format: Format;
  readonly plugins?: string;
  readonly extra?: string;
}

export const maildir = dovecot('maildir', { format: 'maildir' });
export const mdbox = dovecot('mdbox', { format: 'mdbox' });
/** With the full-text index that Debian 12 has: the package dovecot-fts-xapian. Words of 3 to 20 characters, and parts of them. */
export const xapian = dovecot('xapian', {
  format: 'maildir',
  plugins: 'fts fts_xapian',
  extra: ['plugin {', '  fts = xapian', '  fts_xapian = partial=3 full=20', '  fts_autoindex = yes', '  fts_enforced = yes', '}'].join('\n'),
});

function dovecot(variant: string, flavour: Flavour): MailServer {
  return {
    target: 'dovecot',
    variant,
    start: (options) => start(options, flavour),
    fill: (options, source) => fill(options, flavour, source),
  };
}

async function start(options: MailTargetOptions, flavour: Flavour): Promise<MailTarget> {
  if (!existsSync(DOVECOT)) throw new Error('Dovecot is missing: apt-get install dovecot-imapd dovecot-pop3d dovecot-lmtpd (and do not start it)');
  const { directory, accounts } = options;
  const [imap, pop3] = [await freePort(), await freePort()];
  const configuration = configure(options, flavour, imap, pop3);
  const mark = `dovecot-${process.pid}-${imap}`;
  const master = startProcess(DOVECOT, ['-F', '-c', configuration], join(directory, 'output'), ENVIRONMENT, mark);
  await untilReady(master, mark, async () => (await greets(imap, '* OK')) && (await greets(pop3, '+OK')));
  const stopDovecot = () => endProcess(master, mark);
  try {
    const postfix = await startPostfix({
      directory: join(directory, 'postfix'),
      destinations: { port: 9, addresses: ['127.0.0.1'] },
      settings: { postfix: toDovecot(directory, accounts) },
    });
    const version = execFileSync(DOVECOT, ['--version'], { encoding: 'utf8' }).split(' ')[0] ?? '';
    const stop = async () => {
      await postfix.stop();
      await stopDovecot();
    };
    return {
      name: 'dovecot',
      version: `${version} with Postfix ${postfix.version}`,
      port: postfix.port,
      imap,
      pop3,
      roots: () => [...postfix.roots(), master.pid],
      stop,
    };
  } catch (error) {
    await stopDovecot();
    throw error;
  }
}

/** Lines of main.cf: what is ours, and where it goes. */
function toDovecot(directory: string, accounts: number): string {
  const names = Array.from({ length: accounts }, (_, index) => `${accountName(index)} ${accountName(index)}\n`);
  writeFileSync(join(directory, 'recipients'), names.join(''));
  return [
    'virtual_mailbox_domains = load.example',
    `virtual_mailbox_maps = texthash:${directory}/recipients`,
    `virtual_transport = lmtp:unix:${directory}/run/lmtp`,
  ].join('\n');
}

/** Writes everything that Dovecot reads; answers with the name of its configuration. */
function configure({ directory, accounts }: MailTargetOptions, { format, plugins = '', extra = '' }: Flavour, imap: number, pop3: number): string {
  mkdirSync(join(directory, 'postfix'), { recursive: true });
  for (const parent of [directory, join(directory, 'postfix')]) chmodSync(parent, 0o755);
  rmSync(join(directory, 'run'), { recursive: true, force: true });
  const users = Array.from({ length: accounts }, (_, index) => {
    const user = FIRST_USER + Math.floor(index / ACCOUNTS_OF_USER);
    const home = homeOf(directory, index);
    mkdirSync(home, { recursive: true });
    chownSync(home, user, user);
    return `${accountName(index)}:{PLAIN}${PASSWORD}:${user}:${user}::${home}::\n`;
  });
  writeFileSync(join(directory, 'passwd'), users.join(''));
  chmodSync(join(directory, 'passwd'), 0o644);
  const configuration = join(directory, 'dovecot.conf');
  const location = format === 'maildir' ? 'maildir:~/Maildir' : 'mdbox:~/mdbox';
  const values = { directory, mail_location: location, mail_plugins: plugins, imap_port: `${imap}`, pop3_port: `${pop3}`, extra };
  fillIn(new URL('../targets/dovecot/dovecot.conf', import.meta.url), values, configuration);
  return configuration;
}

function homeOf(directory: string, index: number): string {
  return join(directory, 'home', `${index}`);
}

/** As an administrator moves a mailbox in: by Dovecot's own import, then the index with what its cache is to hold. */
async function fill(options: MailTargetOptions, flavour: Flavour, source: string): Promise<void> {
  const { directory } = options;
  // doveadm asks the running server who the user is.
  const running = await start(options, flavour);
  const run = promisify(execFile);
  const doveadm = (...command: readonly string[]) => run('/usr/bin/doveadm', ['-c', join(directory, 'dovecot.conf'), ...command], { env: ENVIRONMENT });
  // The user reads it, and Dovecot indexes what it reads.
  const own = join(directory, 'incoming');
  try {
    await run('cp', ['-r', source, own]);
    await run('chown', ['-R', `${FIRST_USER}:${FIRST_USER}`, own]);
    await doveadm('import', '-u', accountName(0), `maildir:${own}`, '', 'ALL');
    await doveadm('index', '-u', accountName(0), 'INBOX');
  } finally {
    await running.stop();
    rmSync(own, { recursive: true, force: true });
  }
}
