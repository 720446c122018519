// A product with one account and every door for mail clients open: SMTP, IMAP and POP3, with STARTTLS and with TLS at once, and a certificate that
// clients can be told to trust. Owns the product and a home folder for each client. What can fail: the start.
import { execFile } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConfigInput } from '#shared/config/schema.ts';
import { hashPassword } from '#shared/directory/password.ts';
import { selfSigned } from '#shared/testing/certificate.ts';
import { freePort } from '#shared/testing/free-port.ts';
import { type Product, startProduct } from '#shared/testing/product.ts';
import { tempDir } from '#shared/testing/temp-dir.ts';

export const USER = 'alice@example.org';
export const PASSWORD = 'correct horse';

export interface MailServer extends AsyncDisposable {
  readonly product: Product;
  readonly smtp: number;
  readonly imap: number;
  readonly imaps: number;
  readonly pop3: number;
  readonly pop3s: number;
  /** PEM file. */
  readonly certificate: string;
  /** A folder of this client's own, which is its HOME. */
  home(client: string): Promise<ClientHome>;
}

export interface ClientHome {
  readonly path: string;
  /** Writes a file there that nobody else may read, for clients insist on it. */
  write(name: string, text: string): Promise<string>;
  /** Runs a client; resolves with what it wrote. Rejects with all of it when it fails. */
  run(
    program: string,
    args: readonly string[],
    options?: { readonly input?: string; readonly within?: number; readonly status?: readonly number[]; readonly env?: Readonly<Record<string, string>> },
  ): Promise<string>;
}

export async function startMailServer(config: ConfigInput = {}): Promise<MailServer> {
  await using stack = new AsyncDisposableStack();
  const directory = stack.use(await tempDir('clients'));
  const { cert, key } = await selfSigned();
  const tls = { certificate: join(directory.path, 'certificate.pem'), key: join(directory.path, 'key.pem') };
  await writeFile(tls.certificate, cert);
  await writeFile(tls.key, key, { mode: 0o600 });
  const [smtp, imap, imaps, pop3, pop3s] = [await freePort(), await freePort(), await freePort(), await freePort(), await freePort()];
  const product = stack.use(
    await startProduct({
      config: {
        domains: { 'example.org': {} },
        accounts: [{ address: USER, password_hash: await hashPassword(PASSWORD) }],
        ingress: { listeners: [{ address: '127.0.0.1', port: smtp }], trusted_networks: ['127.0.0.0/8'], tls },
        imap: { listeners: [{ port: imap }, { port: imaps, tls: 'implicit' }] },
        pop3: { listeners: [{ port: pop3 }, { port: pop3s, tls: 'implicit' }] },
        ...config,
      },
    }),
  );
  const owned = stack.move();
  return {
    product,
    ...{ smtp, imap, imaps, pop3, pop3s, certificate: tls.certificate },
    home: (client) => makeHome(join(directory.path, client)),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function makeHome(path: string): Promise<ClientHome> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const env = { PATH: process.env['PATH'], HOME: path, LANG: 'C.UTF-8', TERM: 'dumb', TMPDIR: path };
  return {
    path,
    async write(name, text) {
      const file = join(path, name);
      await writeFile(file, text, { mode: 0o600 });
      await chmod(file, 0o600);
      return file;
    },
    run: (program, args, { input = '', within = 30_000, status = [0], env: more = {} } = {}) =>
      new Promise((resolve, reject) => {
        const child = execFile(program, args, { cwd: path, env: { ...env, ...more }, timeout: within, maxBuffer: 64 * 1024 * 1024 }, (error, out, err) => {
          const code = error ? error.code : 0;
          if (typeof code === 'number' && status.includes(code)) resolve(out + err);
          else reject(new Error(`${program} ${args.join(' ')} ended with ${String(code ?? error?.signal)}:\n${out}${err}`));
        });
        // A client may end without reading its input: its status is what counts.
        child.stdin?.on('error', () => {}).end(input);
      }),
  };
}
