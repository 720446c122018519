// The first screen: what listens where, where the data lie, and the commands that send a first message and trace it.
import type { Config } from '#shared/config/schema.ts';
import type { Listeners } from './ipc.ts';

export interface BannerFacts {
  readonly config: Config;
  /** The file it was read from; null for the built-in one. */
  readonly file: string | null;
  readonly listeners: Listeners;
  readonly health: { readonly address: string; readonly port: number };
  /** Of the embedded Redis; null when a configured one is used. */
  readonly redis: { readonly pid: number; readonly adopted: boolean } | null;
  /** The built-in configuration's account: its password, or the file that holds it. */
  readonly demo: { readonly address: string; readonly password: string | null; readonly file: string | null } | null;
  /** Milliseconds from the start of the process. */
  readonly took: number;
}

const WHAT: Readonly<Record<string, string>> = {
  smtp: 'SMTP',
  smtps: 'SMTP, TLS at once',
  submission: 'submission, STARTTLS',
  submissions: 'submission, TLS at once',
  imap: 'IMAP',
  imaps: 'IMAP, TLS at once',
  pop3: 'POP3',
  pop3s: 'POP3, TLS at once',
  admin: 'admin API',
};

/** The text, without colour: it is read in logs too. */
export function banner(facts: BannerFacts): string {
  const { config, demo } = facts;
  const rows: [string, string][] = once(facts.listeners).map(({ name, address, port }) => [WHAT[name] ?? name, hostPort(address, port)]);
  const health = `http://${hostPort(facts.health.address, facts.health.port)}`;
  rows.push(['health and metrics', `${health}/readyz ${health}/metrics`], ['data', config.data_dir], ['queue', queue(facts)]);
  if (demo) rows.push(['demo account', `${demo.address}, ${passwordOf(demo)}`]);
  const width = Math.max(...rows.map(([what]) => what.length)) + 2;
  const table = rows.map(([what, where]) => `  ${what.padEnd(width)}${where}`);
  return ['', `Stafette is ready (${(facts.took / 1000).toFixed(1)} s)`, '', ...table, ...firstMessage(facts), '', ''].join('\n');
}

/** Several processes of a role share its listeners. */
function once(listeners: Listeners): Listeners {
  const same = (a: Listeners[number], b: Listeners[number]) => a.name === b.name && a.address === b.address && a.port === b.port;
  return listeners.filter((listener, index) => listeners.findIndex((other) => same(listener, other)) === index);
}

function firstMessage({ config, file, listeners, demo }: BannerFacts): readonly string[] {
  const door = listeners.find(({ name }) => name === 'smtp');
  const recipient = demo?.address ?? config.accounts[0]?.address ?? config.postmaster;
  if (!door || recipient === undefined) return [];
  const at = hostPort(anyAddress(door.address), door.port);
  const message = `From: <you@example.org>\\r\\nTo: <${recipient}>\\r\\nSubject: Hello\\r\\n\\r\\nFirst message.\\r\\n`;
  return [
    '',
    'Send a first message (it answers with its queue id), and see what became of it:',
    '',
    `  printf '${message}' | curl -sv smtp://${at} --mail-from you@example.org --mail-rcpt ${recipient} -T - 2>&1 | grep queued`,
    `  npx stafette trace ${recipient}${file === null ? '' : ` --config ${quoted(file)}`}`,
  ];
}

/** As a shell reads it. */
function quoted(path: string): string {
  return /^[\w./@:+-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

function queue({ redis, config }: BannerFacts): string {
  if (redis) return `embedded Redis, process ${redis.pid}${redis.adopted ? ' (found running, adopted)' : ''}`;
  if (config.redis.sentinels) return `Redis by Sentinel, ${config.redis.sentinel_name}`;
  return config.redis.cluster ? 'Redis Cluster' : `Redis at ${(config.redis.url ?? '').replace(/\/\/[^@/]*@/, '//***@')}`;
}

function passwordOf({ password, file }: { password: string | null; file: string | null }): string {
  if (password !== null) return `password ${password} (shown this once)`;
  return file === null ? 'password as shown at the first start' : `password in ${file}`;
}

function anyAddress(address: string): string {
  return { '0.0.0.0': '127.0.0.1', '::': '::1' }[address] ?? address;
}

function hostPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
