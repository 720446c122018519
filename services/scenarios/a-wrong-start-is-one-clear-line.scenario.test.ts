// What an operator can get wrong ends the start with exit status 1 and says in a line what to mend: no stack, no half-started product.
import { chmodSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { ConfigInput } from '#shared/config/schema.ts';
import { prepareProduct } from '#shared/testing/product.ts';
import { startRedis } from '#shared/testing/redis.ts';
import { tempDir } from '#shared/testing/temp-dir.ts';

/** Starts it with this configuration; what it printed and its exit status. */
async function failedStart(config: ConfigInput): Promise<{ readonly lines: readonly string[]; readonly status: number | null }> {
  await using product = await prepareProduct({ config });
  const output = await product.start().then(
    () => 'it started',
    (error: Error) => error.message,
  );
  return { lines: output.split('\n'), status: await product.stop() };
}

const oneLine = (text: RegExp) => ({ status: 1, lines: [expect.stringMatching(text) as string] });

test('a wrong value is named with its key and what was expected', async () => {
  const result = await failedStart({ queue: { max_bytes: 'plenty' }, nonsense: 1 } as ConfigInput);
  const expected = [/config\.yaml:\d+: queue\.max_bytes is "plenty": expected a size such as 512KB or 50MB$/, /config\.yaml:\d+: nonsense: unknown key/];
  expect(result).toEqual({ status: 1, lines: expected.map((line) => expect.stringMatching(line) as string) });
});

test('a port in use is named', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const result = await failedStart({ ingress: { listeners: [{ port }] } });
  server.close();
  expect(result).toEqual(oneLine(new RegExp(`^stafette: port ${port} on 127\\.0\\.0\\.1 is in use \\(ingress\\.listeners\\[0\\]\\.port\\)`)));
});

test('a certificate that is none is named', async () => {
  await using home = await tempDir('cert');
  const [certificate, key] = [join(home.path, 'cert.pem'), join(home.path, 'key.pem')];
  for (const file of [certificate, key]) writeFileSync(file, 'no PEM');
  chmodSync(key, 0o600);
  const result = await failedStart({ ingress: { tls: { certificate, key } } });
  expect(result).toEqual(oneLine(/^stafette: .*ingress\.tls\.certificate.*cert\.pem/));
});

test('a data_dir that cannot be written is named', async () => {
  await using home = await tempDir('data');
  const file = join(home.path, 'file');
  writeFileSync(file, '');
  const result = await failedStart({ data_dir: join(file, 'data') });
  expect(result).toEqual(oneLine(/^stafette: data_dir .* cannot be written: /));
});

test('a Redis that cannot keep the promise behind 250 is refused with the sentences that mend it', { timeout: 40_000 }, async () => {
  await using redis = await startRedis({ maxmemory: '0', directives: ['appendonly no', 'appendfsync everysec', 'maxmemory-policy allkeys-lru'] });
  const result = await failedStart({ redis: { url: redis.url } });
  const mends = ['appendonly yes', 'appendfsync always', 'maxmemory-policy noeviction', 'maxmemory'].map((setting) => `set \`${setting}\`.*`);
  // BullMQ has a line of its own about the eviction policy.
  expect({ ...result, lines: result.lines.filter((line) => line.startsWith('stafette')) }).toEqual(
    oneLine(new RegExp(`^stafette: Redis cannot be used: ${mends.join('')}$`)),
  );
});
