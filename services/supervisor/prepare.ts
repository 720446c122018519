// What stands before any role starts: data_dir and its lock, the certificate, the demo account, the embedded Redis.
// It gives the configuration in force: as written, with what was made here filled in. What can fail: OperatorError.
import { hostname } from 'node:os';
import { DEMO_ACCOUNT } from '#shared/config/builtin.ts';
import type { Config } from '#shared/config/schema.ts';
import type { Logger } from '#shared/telemetry/log.ts';
import { checkCertificate, selfSignedCertificate } from './certificate.ts';
import { lockDataDir, prepareDataDir } from './data-dir.ts';
import { type DemoAccount, demoAccount } from './demo-account.ts';
import { type EmbeddedRedis, startEmbeddedRedis } from './embedded-redis.ts';

export interface Prepared {
  readonly demo: DemoAccount | null;
  readonly redis: EmbeddedRedis | null;
  /** The configuration in force for one as written: at start and at each reload. Throws OperatorError (certificate). */
  inForce(written: Config): Config;
}

export interface PrepareOptions {
  readonly config: Config;
  /** No file was given: the built-in configuration with its demo account. */
  readonly builtin: boolean;
  /** This process owns data_dir: no other Stafette may use it. */
  readonly exclusive: boolean;
  /** A role that it plays listens with a certificate. */
  readonly certificate: boolean;
  readonly terminal: boolean;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Wall clock, milliseconds since the epoch: a certificate's first day. */
  readonly now: number;
  /** What was made is given back here, the last first. */
  readonly cleanup: AsyncDisposableStack;
}

/** Prepares everything; what it took is given back by `cleanup`, also after a failure. */
export async function prepare(options: PrepareOptions): Promise<Prepared> {
  const { config, cleanup, log } = options;
  prepareDataDir(config.data_dir);
  const embedded = config.redis.url === undefined && config.redis.sentinels === undefined && config.redis.cluster === undefined;
  if (options.exclusive || embedded) cleanup.defer(lockDataDir(config.data_dir));
  const names = [...new Set([config.hostname ?? hostname(), 'localhost', '127.0.0.1', '::1'])];
  const own = options.certificate && config.ingress.tls.certificate === undefined ? await selfSignedCertificate(config.data_dir, names, options.now) : null;
  const demo = options.builtin ? await demoAccount(config.data_dir, options.terminal) : null;
  const started = { dataDir: config.data_dir, maxmemory: config.redis.maxmemory, log, signal: options.signal };
  const redis = embedded ? await startEmbeddedRedis(started) : null;
  if (redis) cleanup.defer(() => redis.stop());
  const inForce = (written: Config): Config => {
    const { certificate, key } = written.ingress.tls;
    if (options.certificate && certificate !== undefined && key !== undefined) checkCertificate({ certificate, key });
    const tls = certificate === undefined ? { ...written.ingress.tls, ...own } : written.ingress.tls;
    const accounts = demo
      ? written.accounts.map((account) => (account.address === DEMO_ACCOUNT ? { ...account, password_hash: demo.passwordHash } : account))
      : written.accounts;
    return { ...written, accounts, ingress: { ...written.ingress, tls }, redis: redis ? { ...written.redis, url: redis.url } : written.redis };
  };
  return { demo, redis, inForce };
}
