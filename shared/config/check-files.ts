// The files that a configuration names: they exist, we can read them, and nobody else reads the secret ones; the log can be written.
import { accessSync, constants, existsSync, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Finding, KeyPath } from './finding.ts';
import type { Config } from './schema.ts';

/** Every named file that is missing, unreadable or too open. */
export function checkFiles(config: Config): readonly Finding[] {
  const { redis, ingress, admin, routes, log } = config;
  const smarthosts = Object.entries(routes).flatMap(([domain, route]) => (route.transport === 'smarthost' ? [{ path: ['routes', domain], route }] : []));
  return [
    ...readable(redis.ca, ['redis', 'ca']),
    ...readable(ingress.tls.certificate, ['ingress', 'tls', 'certificate']),
    ...secret(ingress.tls.key, ['ingress', 'tls', 'key']),
    ...secret(redis.password_file, ['redis', 'password_file']),
    ...secret(admin.token_file, ['admin', 'token_file']),
    ...writable(log.file, ['log', 'file']),
    ...smarthosts.flatMap(({ path, route }) => [...readable(route.ca, [...path, 'ca']), ...secret(route.credentials, [...path, 'credentials'])]),
  ];
}

function readable(file: string | undefined, path: KeyPath): Finding[] {
  return file === undefined || stat(file) ? [] : [{ path, problem: `${file} cannot be read: ${whyNot(file)}` }];
}

/** A log that does not exist yet is made by the start, but not its folder. */
function writable(file: string | undefined, path: KeyPath): Finding[] {
  if (file === undefined) return [];
  const isThere = existsSync(file);
  const place = isThere ? file : dirname(file);
  const why = denial(place, constants.W_OK) ?? (statSync(place).isDirectory() === isThere ? `it is not a ${isThere ? 'file' : 'folder'}` : null);
  return why === null ? [] : [{ path, problem: `${place} cannot be written: ${why}` }];
}

function secret(file: string | undefined, path: KeyPath): Finding[] {
  const [missing] = readable(file, path);
  if (missing) return [missing];
  const stats = file === undefined ? null : stat(file);
  return !stats || isPrivate(stats) ? [] : [{ path, problem: `${file} has mode 0${(stats.mode & 0o777).toString(8)}: expected 0600 or stricter` }];
}

/**
 * Ours alone; or, as Kubernetes mounts a Secret for a pod with an fsGroup, root's and readable by our group: an owner that
 * we are not cannot be asked for less.
 */
function isPrivate(stats: Stats): boolean {
  const mounted = stats.uid === 0 && process.getuid?.() !== 0;
  return (stats.mode & (mounted ? 0o027 : 0o077)) === 0;
}

function stat(file: string): Stats | null {
  try {
    accessSync(file, constants.R_OK);
    const stats = statSync(file);
    return stats.isFile() ? stats : null;
  } catch {
    return null; // whyNot tells the reason
  }
}

function whyNot(file: string): string {
  return denial(file, constants.R_OK) ?? 'it is not a file';
}

function denial(file: string, mode: number): string | null {
  try {
    accessSync(file, mode);
    return null;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return (
      { ENOENT: 'it does not exist', EACCES: 'permission denied', ENOTDIR: 'it does not exist', ELOOP: 'its symbolic links go round' }[code ?? ''] ??
      String(code)
    );
  }
}
