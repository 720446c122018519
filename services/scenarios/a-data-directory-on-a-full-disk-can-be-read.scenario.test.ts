// Somebody else fills the disk under the whole of data_dir: embedded Redis, content, mail store. While it is full nothing is acknowledged, the
// reason is told, queue and mailboxes can be read; when there is room again all goes on by itself, and what was acknowledged arrives.
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { hashPassword } from '#shared/directory/password.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { freePort } from '#shared/testing/free-port.ts';
import { type Product, prepareProduct } from '#shared/testing/product.ts';
import { ImapClient } from '../imap/testing/imap-client.ts';
import { judge, prepareLoad, watchReports } from './testing/load.ts';
import { stafette } from './testing/stafette.ts';
import { mailAnswers, replyToMail, send } from './testing/talk.ts';

const ALICE = 'alice@example.org';
const FULL = /no space left on the disk of/;

test('a data directory on a full disk can be read, and goes on when there is room', { timeout: 180_000 }, async () => {
  await using load = await prepareLoad({ messages: 4_000, size: 8_000, sessions: 10, retryDelay: 200 });
  await load.sink.setMode('refuse');
  const imap = await freePort();
  await using product = await prepareProduct({
    config: {
      ...load.routes,
      domains: { 'example.org': {} },
      accounts: [{ address: ALICE, password_hash: await hashPassword('secret') }],
      imap: { listeners: [{ address: '127.0.0.1', port: imap, tls: 'implicit' }] },
      queue: { min_free: '0B' },
      redis: { commit_patience: '5s' },
      delivery: { retry: ['1s'], circuit: ['1s'] },
    },
  });
  await using disk = smallDisk(product.dataDir);
  await product.start();
  const pids = [...product.pids('main'), ...product.pids('smtp-ingress')];
  using reports = watchReports(product);
  const source = load.send(product);
  const local = sendLocal(product);
  await eventually(() => source.acknowledgements.acknowledged > 500 && local.acknowledged.length > 20, { within: 60_000 });
  disk.fill();
  await eventually(() => product.log().some(({ msg, why }) => /can be read/.test(String(msg)) && FULL.test(String(why))), { within: 30_000 });

  await mailAnswers(product, 451);
  expect(await eventually(notReady, { within: 10_000 })).toMatch(FULL);
  const { acknowledged } = source.acknowledgements;
  expect(acknowledged).toBeLessThan(4_000);
  const [listed, status] = [await stafette(product, ['queue', 'list']), await stafette(product, ['status'])];
  expect([listed.status, listed.out]).toEqual([0, expect.stringMatching(/^ID +STATE .*\n\S{25} /)]);
  expect(status.out + status.err).toMatch(/the disk under the embedded Redis is full/);
  expect((await subjects()).size).toBeGreaterThan(0);
  expect(await replyToMail(product)).toMatch(/^451 /);
  expect(source.acknowledgements.acknowledged, 'acknowledged while it was full').toBe(acknowledged);

  disk.empty();
  await mailAnswers(product, 250);
  await product.ready();
  await load.sink.setMode('accept');
  const sent = await local.end();
  const verdict = await judge(product, load, source, reports, 90_000);
  expect(verdict).toMatchObject({ acknowledged: 4_000, lost: 0, refused: 0 });
  expect(verdict.duplicated).toBeLessThanOrEqual(verdict.possiblySent + verdict.inDoubt);
  await eventually(async () => {
    const seen = await subjects();
    expect(sent.filter((number) => seen.get(number) !== 1)).toEqual([]);
    return true;
  });
  expect([...product.pids('main'), ...product.pids('smtp-ingress')], 'no process of ours was started again').toEqual(pids);

  async function notReady(): Promise<string> {
    const { status: code, body } = await product.readyz();
    if (code !== 503) throw new Error(`${code} ${body}`);
    return body;
  }
  /** How often each number stands in the mailbox, read as an MUA does. */
  async function subjects(): Promise<ReadonlyMap<number, number>> {
    await using client = await ImapClient.connect({ port: imap, tls: {}, patience: 20_000 });
    await client.ok(`LOGIN ${ALICE} secret`);
    await client.ok('SELECT INBOX');
    const found = new Map<number, number>();
    for (const row of await client.ok('FETCH 1:* BODY[]')) {
      const number = Number(/Subject: local (\d+)/.exec(row)?.[1]);
      found.set(number, (found.get(number) ?? 0) + 1);
    }
    return found;
  }
});

test('a start on a full disk is one clear line', { timeout: 60_000 }, async () => {
  await using product = await prepareProduct();
  await using disk = smallDisk(product.dataDir);
  disk.fill();
  await expect(product.start()).rejects.toThrow(/^stafette: data_dir \S+ cannot be written: its disk is full \(no space left\): [^\n]*$/);
  expect(await product.stop()).toBe(1);
});

/** Sends numbered messages to Alice, one after the other; what is not acknowledged is another number's turn. */
function sendLocal(product: Product) {
  const acknowledged: number[] = [];
  let going = true;
  const done = (async () => {
    for (let number = 0; going; number++)
      await send(product, { to: ALICE, text: `Subject: local ${number}\n\n${'x'.repeat(2_000)}\n` }).then(
        () => acknowledged.push(number),
        () => {}, // refused, or in doubt
      );
  })();
  const end = async () => {
    going = false;
    await done;
    return acknowledged;
  };
  return { acknowledged, end };
}

/** A file system of its own on `folder`, and a file of somebody else's that takes all of it. */
function smallDisk(folder: string) {
  mkdirSync(folder);
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=128m,mode=0700', 'tmpfs', folder], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`a small file system is needed, which takes root: ${stderr}`);
  const file = join(folder, 'of-somebody-else');
  return {
    fill() {
      const descriptor = openSync(file, 'a');
      try {
        for (const size of [1 << 20, 4096]) writeUntilFull(descriptor, size);
      } finally {
        closeSync(descriptor);
      }
    },
    empty: () => rmSync(file),
    async [Symbol.asyncDispose]() {
      spawnSync('umount', ['-l', folder]);
    },
  };
}

function writeUntilFull(descriptor: number, size: number): void {
  try {
    for (;;) writeSync(descriptor, Buffer.alloc(size));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}
