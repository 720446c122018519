// The two bearer tokens: one for operating, one for reading content. Each is a file of mode 0600, made at the first start.
// What can fail: a file that cannot be read or made, or holds too short a token (ConfigError).
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { linkSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '#shared/config/load.ts';
import type { Config } from '#shared/config/schema.ts';
import type { Logger } from '#shared/telemetry/log.ts';

export type Scope = 'admin' | 'content';

export interface Tokens {
  /** What the Authorization header may do, or null. Takes the same time for every token of one length. */
  scopeOf(authorization: string | undefined): Scope | null;
}

const SHORTEST = 16;

/** Reads both tokens, and makes those that data_dir lacks. Throws ConfigError. */
export function loadTokens(config: Config, log: Logger): Tokens {
  const { token_file } = config.admin;
  const admin = digest(token_file === undefined ? ownToken(join(config.data_dir, 'admin-token')) : givenToken(token_file, log));
  const content = digest(ownToken(join(config.data_dir, 'admin-content-token')));
  return {
    scopeOf(authorization) {
      const given = digest(/^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1] ?? '');
      // Both are compared, whatever the first says.
      const [operates, reads] = [timingSafeEqual(given, admin), timingSafeEqual(given, content)];
      if (operates) return 'admin';
      return reads ? 'content' : null;
    },
  };
}

function ownToken(file: string): string {
  const draft = `${file}.${process.pid}`;
  try {
    return readToken(file);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  try {
    // Complete before it has its name: a crash leaves no empty token, and of two processes one is first.
    writeFileSync(draft, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600 });
    linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw new ConfigError([`${file} cannot be made: ${(error as Error).message}`]);
  } finally {
    rmSync(draft, { force: true });
  }
  return readToken(file);
}

function givenToken(file: string, log: Logger): string {
  try {
    const token = readToken(file);
    if (statSync(file).mode & 0o004) log.warn({ file }, 'everybody on this machine can read the admin token');
    return token;
  } catch (error) {
    throw isMissing(error) ? new ConfigError([`admin.token_file ${file}: there is no such file`]) : error;
  }
}

function readToken(file: string): string {
  let token: string;
  try {
    token = readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw isMissing(error) ? error : new ConfigError([`${file} cannot be read: ${(error as Error).message}`]);
  }
  if (token.length < SHORTEST || /\s/.test(token)) throw new ConfigError([`${file}: expected one token of at least ${SHORTEST} characters`]);
  return token;
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
