// Everything in data_dir is for the user that runs it and nobody else, while mail comes and goes; and the log knows no secret of it.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { startProduct } from '#shared/testing/product.ts';
import { send } from './testing/talk.ts';

const OURS = { domains: { 'ours.test': {} }, accounts: [{ address: 'alice@ours.test' }] };

test('files have mode 0600 and folders 0700, and no token reaches the log', { timeout: 60_000 }, async () => {
  await using product = await startProduct({ config: OURS });
  await send(product, { to: 'alice@ours.test' });
  // Over queue.hot_limit: the cold tier.
  await send(product, { to: 'alice@ours.test', text: `Subject: large\n\n${`${'x'.repeat(70)}\n`.repeat(2_000)}` });
  await eventually(async () => (await product.metric('outcomes_total', 'kind="delivered"')) >= 2, { within: 20_000 });
  await eventually(() => existsSync(join(product.dataDir, 'trace.sqlite')), { within: 20_000 });
  const all = readdirSync(product.dataDir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() || entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
  const modes = [product.dataDir, ...all].map((path) => ({ path: relative(product.dataDir, path), stat: statSync(path, { throwIfNoEntry: false }) }));
  expect(modes.filter(({ stat }) => stat && (stat.mode & 0o077) !== 0).map(({ path }) => path)).toEqual([]);
  expect(modes.map(({ path }) => path)).toEqual(
    expect.arrayContaining(['admin-token', 'admin-content-token', 'mail.sqlite', 'trace.sqlite', 'redis', 'tls/key.pem']),
  );
  const log = JSON.stringify(product.log());
  for (const token of ['admin-token', 'admin-content-token']) expect(log).not.toContain(readFileSync(join(product.dataDir, token), 'utf8').trim());
});
