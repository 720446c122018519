import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import { expect, test } from 'vitest';
import { tempDir } from '#shared/testing/temp-dir.ts';
import { checkCertificate, selfSignedCertificate } from './certificate.ts';

const NAMES = ['mx.example.org', 'localhost', '127.0.0.1'];

test('a self-signed certificate is made once, mode 0600, and serves TLS under each name', async () => {
  await using home = await tempDir();
  const files = await selfSignedCertificate(home.path, NAMES, Date.now());
  checkCertificate(files);
  const cert = readFileSync(files.certificate);
  for (const file of Object.values(files)) expect(statSync(file).mode & 0o777).toBe(0o600);
  const server = createServer({ cert, key: readFileSync(files.key) }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', servername: 'mx.example.org', ca: cert });
  await once(client, 'secureConnect');
  client.destroy();
  server.close();
  expect(await selfSignedCertificate(home.path, NAMES, Date.now())).toEqual(files);
  expect(readFileSync(files.certificate)).toEqual(cert);
  expect(new X509Certificate(cert).checkIP('127.0.0.1')).toBe('127.0.0.1');
});

test('processes that start at once in one data_dir agree on a pair, and a start that was cut short is gone on with', async () => {
  await using home = await tempDir();
  const all = await Promise.all(Array.from({ length: 8 }, () => selfSignedCertificate(home.path, NAMES, Date.now())));
  for (const files of all) checkCertificate(files);
  const [files] = all as [(typeof all)[0]];
  expect(readdirSync(join(home.path, 'tls')).sort()).toEqual(['certificate.pem', 'key.pem']);
  const key = readFileSync(files.key);
  rmSync(files.certificate);
  checkCertificate(await selfSignedCertificate(home.path, NAMES, Date.now()));
  expect(readFileSync(files.key)).toEqual(key);
});

test('files that cannot be used are one line that names them', async () => {
  await using home = await tempDir();
  await using other = await tempDir();
  const files = await selfSignedCertificate(home.path, NAMES, Date.now());
  const strange = await selfSignedCertificate(other.path, NAMES, Date.now());
  expect(() => checkCertificate({ ...files, key: strange.key })).toThrow(`ingress.tls.key ${strange.key} is not the key of ${files.certificate}`);
  const text = join(home.path, 'text');
  writeFileSync(text, 'no certificate');
  expect(() => checkCertificate({ ...files, certificate: text })).toThrow(`ingress.tls.certificate ${text} cannot be used:`);
  expect(() => checkCertificate({ ...files, key: text })).toThrow(`ingress.tls.key ${text} cannot be used:`);
  expect(() => checkCertificate({ ...files, key: join(home.path, 'absent') })).toThrow('ENOENT');
});
