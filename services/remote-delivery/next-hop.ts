// Where mail of one destination goes: hosts, port, TLS, credentials. For `dns` from a resolution, for a smarthost from the
// configuration, its name looked up by the system and its files read at each new connection, so a rotated secret counts at once.
import { lookup } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import type { Config, Route } from '#shared/config/schema.ts';
import type { Resolution, ResolvedHost } from '#shared/protocol/resolution.ts';
import { type Credentials, parseCredentials } from './smtp-client/auth.ts';
import type { TlsPolicy } from './smtp-client/starttls.ts';

export interface NextHop {
  readonly hosts: readonly ResolvedHost[];
  readonly port: number;
  readonly tls: TlsPolicy;
  readonly credentials?: Credentials;
  /** Loopback, private and own addresses are refused. */
  readonly publicOnly: boolean;
}

export type SmarthostRoute = Extract<Route, { transport: 'smarthost' }>;
export type HostsFound = Extract<Resolution, { kind: 'hosts' }>;

/** What is wrong on our side (a file, a name): the site waits until somebody mends it. The message is for senders: it names no file. */
export class NextHopError extends Error {
  override readonly name = 'NextHopError';
  /** RFC 3463, class 4. */
  readonly status: string;
  /** For the operator's log. */
  readonly detail: string;
  constructor(status: string, message: string, detail: string) {
    super(message);
    this.status = status;
    this.detail = detail;
  }
}

/** RFC 3463 section 3.4, X.3.5: what senders hear of a file of ours that cannot be used. */
const MISCONFIGURED = 'The mail system is not configured correctly for this destination';

/** RFC 5321 section 5.1 and RFC 3207: the hosts of a resolution, TLS as it comes. */
export function dnsNextHop(resolution: HostsFound, resolver: Config['resolver']): NextHop {
  return { hosts: resolution.hosts, port: resolver.smtp_port, tls: { mode: 'opportunistic' }, publicOnly: !resolver.allow_private };
}

/** Throws NextHopError. */
export async function smarthostNextHop(route: SmarthostRoute): Promise<NextHop> {
  const [addresses, ca, credentials] = await Promise.all([addressesOf(route.host), readPem(route.ca), readCredentials(route.credentials)]);
  return {
    hosts: [{ name: route.host, preference: 0, addresses }],
    port: route.port,
    tls: { mode: route.tls, ...(ca === undefined ? {} : { ca }) },
    ...(credentials ? { credentials } : {}),
    publicOnly: false,
  };
}

async function addressesOf(host: string): Promise<readonly string[]> {
  if (isIP(host)) return [host];
  try {
    return (await lookup(host, { all: true, order: 'verbatim' })).map(({ address }) => address);
  } catch (error) {
    const message = `The smarthost ${host} has no address: ${(error as NodeJS.ErrnoException).code ?? 'the look-up failed'}`;
    throw new NextHopError('4.4.3', message, `looking up ${host}: ${String(error)}`);
  }
}

async function readPem(path: string | undefined): Promise<string | undefined> {
  return path === undefined ? undefined : await readText(path);
}

async function readCredentials(path: string | undefined): Promise<Credentials | undefined> {
  if (path === undefined) return undefined;
  const credentials = parseCredentials(await readText(path));
  if (!credentials) throw new NextHopError('4.3.5', MISCONFIGURED, `${path} does not hold user:password on one line`);
  return credentials;
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new NextHopError('4.3.5', MISCONFIGURED, `${path} cannot be read: ${(error as NodeJS.ErrnoException).code ?? String(error)}`);
  }
}
