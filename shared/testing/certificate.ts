// Certificates for tests: a private authority, leaves that it signs, and self-signed ones. Keys are ECDSA P-256; nothing is stored.
import { webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import 'reflect-metadata'; // the library below needs it loaded first
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';

/** PEM texts, as `tls.createSecureContext` takes them. */
export type Certificate = { readonly cert: string; readonly key: string };

export type LeafOptions = {
  /** DNS names; those that are IP addresses become IP names (RFC 5280 section 4.2.1.6). Default localhost and 127.0.0.1. */
  readonly names?: readonly string[];
  /** Default from yesterday for thirty days. */
  readonly notBefore?: Date;
  readonly notAfter?: Date;
};

export type Authority = {
  /** PEM text to trust. */
  readonly cert: string;
  issue(options?: LeafOptions): Promise<Certificate>;
};

const DAY = 86_400_000;
const KEY = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** A certificate that nobody but itself vouches for. */
export async function selfSigned(options: LeafOptions = {}): Promise<Certificate> {
  const keys = await newKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({ ...leafOf(options), keys, signingAlgorithm: KEY });
  return { cert: certificate.toString('pem'), key: await pem(keys.privateKey) };
}

/** A new authority, known to no system. */
export async function privateAuthority(name = 'Stafette test authority'): Promise<Authority> {
  const keys = await newKeys();
  const extensions = [new BasicConstraintsExtension(true, 0, true)];
  const authority = await X509CertificateGenerator.createSelfSigned({ name: `CN=${name}`, ...validity({}), extensions, keys, signingAlgorithm: KEY });
  const issue = async (options: LeafOptions = {}) => {
    const { publicKey, privateKey } = await newKeys();
    const signer = { issuer: authority.subject, signingKey: keys.privateKey, signingAlgorithm: KEY };
    const { name: subject, ...leaf } = leafOf(options);
    const certificate = await X509CertificateGenerator.create({ ...leaf, ...signer, subject, publicKey });
    return { cert: certificate.toString('pem'), key: await pem(privateKey) };
  };
  return { cert: authority.toString('pem'), issue };
}

function leafOf(options: LeafOptions) {
  const names = options.names ?? ['localhost', '127.0.0.1'];
  const alternatives = names.map((value) => ({ type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const), value }));
  const server = new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]);
  const extensions = [new BasicConstraintsExtension(false), server, new SubjectAlternativeNameExtension(alternatives)];
  return { name: `CN=${names[0] ?? 'nobody'}`, ...validity(options), extensions };
}

function validity({ notBefore = new Date(Date.now() - DAY), notAfter = new Date(Date.now() + 30 * DAY) }: LeafOptions) {
  return { notBefore, notAfter };
}

function newKeys() {
  return webcrypto.subtle.generateKey(KEY, true, ['sign', 'verify']);
}

async function pem(key: webcrypto.CryptoKey): Promise<string> {
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)).toString('base64');
  return `-----BEGIN PRIVATE KEY-----\n${pkcs8.replace(/(.{64})(?=.)/g, '$1\n')}\n-----END PRIVATE KEY-----\n`;
}
