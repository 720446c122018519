// `dns-records` as a command: its output, and what it refuses.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempDir } from '#shared/testing/temp-dir.ts';
import { parseCommandLine } from './arguments.ts';
import { printDnsRecords } from './dns-records.ts';

async function run(...args: readonly string[]) {
  await using directory = await tempDir('dns-records');
  const file = join(directory.path, 'c.yaml');
  writeFileSync(file, 'hostname: mx\ndomains: { example.org: {} }\naccounts: [{ address: a@example.org }]\n');
  let out = '';
  const line = parseCommandLine(['dns-records', ...args, '--config', file]);
  const asJson = line.options.json === true;
  const status = printDnsRecords(line, {
    print(text) {
      out += `${text}\n`;
    },
    write(content) {
      out += content.toString();
    },
    json(answer) {
      if (asJson) out += JSON.stringify(answer);
      return asJson;
    },
    now: () => 0,
  });
  return { status, out };
}

test('prints records, with what to mind', async () => {
  const { status, out } = await run('Example.ORG.');
  expect(status).toBe(0);
  expect(out).toContain('example.org.                   IN MX    10 mx.\n');
  expect(out).toContain('_imaps._tcp.example.org.       IN SRV   0 1 993 mx. ; listens on loopback only: not reachable as configured\n');
  expect(out).toContain('; mx is no name that others can resolve: set hostname to the public one\n');
  const answer = JSON.parse((await run('example.org', '--json')).out);
  expect(answer.records[0]).toEqual({ name: 'example.org.', type: 'MX', data: '10 mx.' });
});

test('prints the settings of mail clients', async () => {
  expect((await run('example.org', '--autoconfig')).out).toMatch(/^<\?xml .*<emailProvider id="example\.org">.*<\/clientConfig>\n$/s);
});

test('knows the domains of the configuration only', async () => {
  await expect(run('example.net')).rejects.toThrow('dns-records: example.net is not among the domains of the configuration (example.org)');
  await expect(run()).rejects.toThrow('dns-records: expected one domain');
});
