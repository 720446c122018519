// The TLS certificate of the listeners: a configured one is checked, else a self-signed one is made at first start and kept.
// What can fail: unreadable or mismatched files (OperatorError).
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomUUID, webcrypto, X509Certificate } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { OperatorError } from './operator-error.ts';

export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
}

const KEY = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const YEAR = 365 * 86_400_000;

/** The files of the self-signed certificate in `dataDir`, made for `names` when one is missing; mode 0600. */
export async function selfSignedCertificate(dataDir: string, names: readonly string[], now: number): Promise<CertificateFiles> {
  const folder = join(dataDir, 'tls');
  const files = { certificate: join(folder, 'certificate.pem'), key: join(folder, 'key.pem') };
  if (existsSync(files.certificate) && existsSync(files.key)) return files;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // Processes that start at once keep one key, and each certificate is of that key: whichever is there last fits. So does a start that was cut short.
  const key = keyIn(files.key);
  const own = writeAside(files.certificate, await certificateOf(key, names, now));
  renameSync(own, files.certificate);
  return files;
}

/** Shows that both files can be used and belong together. Throws OperatorError with one line that names the file. */
export function checkCertificate({ certificate, key }: CertificateFiles): void {
  const cert = attempt(`ingress.tls.certificate ${certificate}`, () => new X509Certificate(readFileSync(certificate)));
  const secret = attempt(`ingress.tls.key ${key}`, () => createPrivateKey(readFileSync(key)));
  if (!cert.checkPrivateKey(secret)) throw new OperatorError(`ingress.tls.key ${key} is not the key of ${certificate}`);
  attempt(`ingress.tls.certificate ${certificate}`, () => createSecureContext({ cert: readFileSync(certificate), key: readFileSync(key) }));
}

function attempt<T>(what: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw new OperatorError(`${what} cannot be used: ${(error as Error).message}`);
  }
}

/** The key in this file, made now by whoever comes first. */
function keyIn(file: string): KeyObject {
  if (!existsSync(file)) {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const own = writeAside(file, String(privateKey.export({ format: 'pem', type: 'pkcs8' })));
    try {
      linkSync(own, file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      rmSync(own);
    }
  }
  return attempt(file, () => createPrivateKey(readFileSync(file)));
}

async function certificateOf(key: KeyObject, names: readonly string[], now: number): Promise<string> {
  // Needed once in the life of a data_dir, so no other start pays for loading it; the library wants the polyfill first.
  await import('reflect-metadata');
  const { BasicConstraintsExtension, ExtendedKeyUsage, ExtendedKeyUsageExtension, SubjectAlternativeNameExtension, X509CertificateGenerator } = await import(
    '@peculiar/x509'
  );
  const keys = {
    privateKey: await webcrypto.subtle.importKey('pkcs8', key.export({ format: 'der', type: 'pkcs8' }), KEY, false, ['sign']),
    publicKey: await webcrypto.subtle.importKey('spki', createPublicKey(key).export({ format: 'der', type: 'spki' }), KEY, true, ['verify']),
  };
  const alternatives = names.map((value) => ({ type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const), value }));
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [names[0] ?? 'localhost'] }],
    notBefore: new Date(now - 86_400_000),
    notAfter: new Date(now + 10 * YEAR),
    extensions: [
      new BasicConstraintsExtension(false),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(alternatives),
    ],
    keys,
    signingAlgorithm: KEY,
  });
  return certificate.toString('pem');
}

/** Writes a file of its own, beside the one that it is to be. */
function writeAside(file: string, text: string): string {
  const own = `${file}.${randomUUID()}`;
  writeFileSync(own, text, { mode: 0o600 });
  return own;
}
