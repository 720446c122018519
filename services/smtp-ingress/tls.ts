// The certificate of our listeners: the files that the configuration names, else the self-signed pair in data_dir/tls that the start
// command makes. Fails with one line that names the file.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecureContext, type SecureVersion } from 'node:tls';
import type { Config } from '#shared/config/schema.ts';

export interface TlsMaterial {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly minVersion: SecureVersion;
}

/** Reads and checks certificate and key. Throws an Error with the path in its message. */
export async function loadTlsMaterial(config: Config): Promise<TlsMaterial> {
  const { certificate, key, min_version: minVersion } = config.ingress.tls;
  if ((certificate === undefined) !== (key === undefined)) throw new Error('ingress.tls: certificate and key go together');
  const certificatePath = certificate ?? join(config.data_dir, 'tls', 'certificate.pem');
  const keyPath = key ?? join(config.data_dir, 'tls', 'key.pem');
  const material = { cert: await read('certificate', certificatePath), key: await read('key', keyPath), minVersion };
  try {
    createSecureContext(material);
  } catch (error) {
    throw new Error(`ingress.tls: ${certificatePath} and ${keyPath} cannot be used: ${(error as Error).message}`);
  }
  return material;
}

async function read(name: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new Error(`ingress.tls.${name}: cannot read ${path}: ${(error as NodeJS.ErrnoException).code}`);
  }
}
