// The TLS certificate of the listeners: a configured one is checked, else a self-signed one is made at first start and kept.
// What can fail: unreadable or mismatched files (OperatorError).
import { createPrivateKey, webcrypto, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
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
  const made = await generate(names, now);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // The certificate comes last: a start that was cut short leaves no pair, and makes both again.
  writeWhole(files.key, made.key);
  writeWhole(files.certificate, made.certificate);
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

async function generate(names: readonly string[], now: number): Promise<{ certificate: string; key: string }> {
  // Needed once in the life of a data_dir, so no other start pays for loading it; the library wants the polyfill first.
  await import('reflect-metadata');
  const { BasicConstraintsExtension, ExtendedKeyUsage, ExtendedKeyUsageExtension, SubjectAlternativeNameExtension, X509CertificateGenerator } = await import(
    '@peculiar/x509'
  );
  const keys = await webcrypto.subtle.generateKey(KEY, true, ['sign', 'verify']);
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
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }).export({ format: 'pem', type: 'pkcs8' });
  return { certificate: certificate.toString('pem'), key: String(key) };
}

function writeWhole(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
