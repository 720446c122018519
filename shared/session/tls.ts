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

/** What a session knows of its TLS. */
export interface TlsFacts {
  readonly version: string;
  readonly cipher: string;
}

/** Reads and checks certificate and key of `settings`, which stand at the path `where` of the configuration. Throws an Error with the path in its message. */
export async function loadTlsMaterial(settings: Config['ingress']['tls'], dataDir: string, where: string): Promise<TlsMaterial> {
  const { certificate, key, min_version: minVersion } = settings;
  if ((certificate === undefined) !== (key === undefined)) throw new Error(`${where}: certificate and key go together`);
  const certificatePath = certificate ?? join(dataDir, 'tls', 'certificate.pem');
  const keyPath = key ?? join(dataDir, 'tls', 'key.pem');
  const material = { cert: await read(`${where}.certificate`, certificatePath), key: await read(`${where}.key`, keyPath), minVersion };
  try {
    createSecureContext(material);
  } catch (error) {
    throw new Error(`${where}: ${certificatePath} and ${keyPath} cannot be used: ${(error as Error).message}`);
  }
  return material;
}

async function read(name: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new Error(`${name}: cannot read ${path}: ${(error as NodeJS.ErrnoException).code}`);
  }
}
