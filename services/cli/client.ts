// The admin API as the commands see it: found by the configuration, one request at a time.
// What can fail: no token, nobody there, a refusal; each is a CommandError of one line.
import { join } from 'node:path';
import type { Config } from '#shared/config/schema.ts';
import type { ErrorAnswer } from '#shared/protocol/admin-api.ts';
import type { Options } from './arguments.ts';
import { configurationOf, type Environment, readText } from './configuration.ts';
import { CommandError, UsageError } from './usage-error.ts';

export type Query = Readonly<Record<string, string | undefined>>;

export interface Client {
  /** Sends one request and reads its JSON. Throws CommandError. */
  request<Answer>(method: 'GET' | 'POST' | 'DELETE', path: string, query?: Query): Promise<Answer>;
  /** The content of a message, whole, with the content token. Throws CommandError. */
  content(id: string): Promise<Buffer>;
}

/** `environment` names the configuration when the options do not. */
export function createClient(options: Options, environment: Environment): Client {
  const config = configurationOf(options, environment);
  const base = options.url === undefined ? urlOf(config) : givenUrl(options.url);
  const fetchFrom = async (method: string, path: string, query: Query, tokenFile: string): Promise<Response> => {
    const url = new URL(path, base);
    for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, value);
    const response = await reach(url, method, readToken(tokenFile));
    if (!response.ok) throw new CommandError(await refusalOf(response));
    return response;
  };
  const adminToken = options['token-file'] ?? config.admin.token_file ?? join(config.data_dir, 'admin-token');
  const contentToken = options['token-file'] ?? join(config.data_dir, 'admin-content-token');
  return {
    request: async <Answer>(method: 'GET' | 'POST' | 'DELETE', path: string, query: Query = {}) =>
      (await (await fetchFrom(method, path, query, adminToken)).json()) as Answer,
    content: async (id) => Buffer.from(await (await fetchFrom('GET', `/v1/queue/${encodeURIComponent(id)}/content`, {}, contentToken)).arrayBuffer()),
  };
}

function givenUrl(url: string): string {
  if (!/^https?:\/\/./i.test(url) || !URL.canParse(url)) throw new UsageError(`--url ${url}: expected a URL such as http://127.0.0.1:8081`);
  return url;
}

function urlOf({ admin }: Config): string {
  if (admin.port === 0) throw new CommandError('admin.port is 0, any free one: say --url http://ADDRESS:PORT (the start prints it)');
  const address = { '0.0.0.0': '127.0.0.1', '::': '::1' }[admin.address] ?? admin.address;
  return `http://${address.includes(':') ? `[${address}]` : address}:${admin.port}`;
}

function readToken(file: string): string {
  return readText(file, 'the admin token').trim();
}

async function reach(url: URL, method: string, token: string): Promise<Response> {
  try {
    return await fetch(url, { method, headers: { authorization: `Bearer ${token}`, connection: 'close' }, redirect: 'error' });
  } catch (error) {
    const cause = (error as { cause?: { code?: string; message?: string } }).cause;
    throw new CommandError(
      `the admin API at ${url.origin} cannot be reached (${cause?.code ?? cause?.message ?? (error as Error).message}): is Stafette running?`,
    );
  }
}

async function refusalOf(response: Response): Promise<string> {
  const text = await response.text();
  try {
    return (JSON.parse(text) as ErrorAnswer).error.message;
  } catch {
    return `${response.url.split('?')[0]} answered ${response.status}: is that the admin API?`;
  }
}
