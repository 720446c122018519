// Measures the mail store alone: deliveries filed per second and CPU of each, PostgreSQL's processes included, then what the full-text index
// costs behind them. Messages are random words. Usage: node loadtest/mail-store-delivery.ts
// [sqlite | postgres | both] [deliveries] [mailboxes] [at once] [octets]
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { openMailstore } from '#shared/mailstore/open-mailstore.ts';
import { type MailstoreTables, migrations } from '#shared/mailstore/schema.ts';
import { newQueueId } from '#shared/spool/queue-id.ts';
import { openDatabase } from '#shared/sql/database.ts';
import { systemClock } from '#shared/telemetry/clock.ts';
import { startPostgres } from '#shared/testing/postgres.ts';
import { tempDir } from '#shared/testing/temp-dir.ts';
import { cpuSeconds, processesOf } from './measure.ts';

const which = process.argv[2] ?? 'both';
const [deliveries = 10_000, mailboxes = 1000, atOnce = 512, octets] = process.argv.slice(3).map(Number);
/** Milliseconds that the index is watched. */
const INDEXING = 5000;
const SYLLABLES = ['ba', 'con', 'de', 'er', 'fi', 'gan', 'hel', 'in', 'ko', 'la', 'mes', 'no', 'or', 'per', 'qui', 'ra', 'sta', 'ti', 'un', 'ver'];
/** Words of one to four syllables: as many different trigrams as a text has. */
const WORDS = Array.from({ length: 8000 }, (_, number) => number.toString(20).replace(/./g, (digit) => SYLLABLES[Number.parseInt(digit, 20)] ?? ''));

interface Figures {
  readonly perSecond: number;
  readonly microseconds: number;
  readonly indexMicroseconds: number;
}

async function measure(database: string | undefined, size: number): Promise<Figures> {
  await using directory = await tempDir('mail-store-delivery');
  const store = await openMailstore({ database, dataDir: directory.path, clock: systemClock });
  const bodies = Array.from({ length: 200 }, () => body(size));
  const addresses = Array.from({ length: mailboxes }, (_, number) => `user${number}@example.org`);
  for (const address of addresses) await store.ensureAccount(address);
  const run = async (count: number): Promise<void> => {
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < count) await deliverOne(addresses[next++ % mailboxes] ?? '');
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
  };
  const deliverOne = async (account: string): Promise<void> => {
    const queueId = newQueueId(0, Date.now());
    const ownHeader = `Return-Path: <sender@example.com>\r\nDelivered-To: ${account}\r\n`;
    const content = Buffer.concat([header(account, queueId), bodies[Math.floor(Math.random() * bodies.length)] ?? Buffer.alloc(0)]).subarray(0, size);
    await store.deliver(content, size, [{ queueId, recipient: 0, account, mailbox: 'INBOX', ownHeader, receivedAt: Date.now() }]);
  };
  await run(Math.ceil(deliveries / 5)); // warm code and caches
  const [began, cpu] = [performance.now(), used()];
  await run(deliveries);
  const [perSecond, microseconds] = [(deliveries * 1000) / (performance.now() - began), (used() - cpu) / deliveries];
  const index = await openDatabase<MailstoreTables>({ url: database, file: join(directory.path, 'mail.sqlite'), store: 'mail', migrations });
  const waiting = async (): Promise<number> =>
    Number(
      (
        await index.db
          .selectFrom('index_queue')
          .select(({ fn }) => fn.countAll().as('count'))
          .executeTakeFirstOrThrow()
      ).count,
    );
  const [unindexed, behind] = [await waiting(), used()];
  for (const until = performance.now() + INDEXING; performance.now() < until && (await waiting()) > 0; ) await setTimeout(200);
  const indexMicroseconds = (used() - behind) / Math.max(1, unindexed - (await waiting()));
  await index.close();
  await store.close();
  return { perSecond, microseconds, indexMicroseconds };
}

const used = (): number => cpuSeconds(processesOf([process.pid])) * 1e6;

function header(to: string, id: string): Buffer {
  const lines = [
    'Received: from mx.example.com (mx.example.com [192.0.2.1])',
    `\tby mail.example.org with ESMTPS id ${id};`,
    '\tThu, 26 Nov 2026 04:00:00 +0000',
    'Date: Thu, 26 Nov 2026 04:00:00 +0000',
    'From: "A. Sender" <sender@example.com>',
    `To: ${to}`,
    `Message-ID: <${id}@example.com>`,
    `Subject: Minutes of ${id.slice(0, 8)}`,
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
}

function body(size: number): Buffer {
  const lines: string[] = [];
  for (let length = 0; length < size; length += lines.at(-1)?.length ?? 0)
    lines.push(`${Array.from({ length: 11 }, () => WORDS[Math.floor(Math.random() * WORDS.length)]).join(' ')}\r\n`);
  return Buffer.from(lines.join(''));
}

await using postgres = which === 'sqlite' ? null : await startPostgres();
console.log('| database | octets | deliveries/s | CPU us | index, CPU us |\n|---|---|---|---|---|');
for (const database of ['sqlite', 'postgres'].filter((name) => which === 'both' || which === name)) {
  for (const size of octets ? [octets] : [4096, 10_240]) {
    const url = database === 'postgres' ? await postgres?.createDatabase(`octets${size}`) : undefined;
    const figures = await measure(url, size);
    console.log(`| ${[database, size, ...Object.values(figures).map(Math.round)].join(' | ')} |`);
  }
}
