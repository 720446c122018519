// The model test: processes work on one store at once, some are killed, and what they reported is compared with what is there.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect } from 'vitest';
import { systemClock } from '#shared/telemetry/clock.ts';
import type { AccountStore } from '../account-store.ts';
import type { MailboxStore, Snapshot } from '../mailbox-store.ts';
import type { Mailstore } from '../mailstore.ts';
import { openMailstore } from '../open-mailstore.ts';
import type { Report } from './load.ts';
import { View } from './view.ts';

export interface ModelRun {
  readonly dataDir: string;
  /** Absent: SQLite. */
  readonly database?: string | undefined;
  readonly seed: number;
  readonly seconds: number;
  readonly processes: number;
  /** Milliseconds between two kills; absent: none. */
  readonly killEvery?: number;
}

const ADDRESSES = ['a@example.org', 'b@example.org'];

/** What all processes together said: keys are `mailbox uid`. */
interface Told {
  readonly tokens: Map<string, string>;
  readonly copies: Map<string, string>;
  readonly removed: Set<string>;
  /** What an operation that did not end may have removed. */
  readonly unsure: Set<string>;
  unfinished: number;
  operations: number;
}

/** Runs it and fails when reports and store do not agree. Returns how many operations ended. */
export async function runModel(run: ModelRun): Promise<number> {
  const store = await openMailstore({ dataDir: run.dataDir, database: run.database, clock: systemClock, minFree: 0, snapshotFrom: 1 });
  for (const address of ADDRESSES) await store.ensureAccount(address);
  const mailboxes = await mailboxesOf(store);
  const views = new Map<number, View>();
  for (const mailbox of mailboxes) views.set(mailbox.id, new View(await mailbox.snapshot()));
  const told: Told = { tokens: new Map(), copies: new Map(), removed: new Set(), unsure: new Set(), unfinished: 0, operations: 0 };
  const until = Date.now() + run.seconds * 1000;
  await Promise.all(Array.from({ length: run.processes }, (_, index) => keepWorking(run, run.seed * 1000 + index, until, told)));
  for (const mailbox of mailboxes) {
    const view = views.get(mailbox.id) as View;
    expect(view.apply(await mailbox.changesSince(view.highestmodseq))).toBeNull();
    const snapshot = await mailbox.snapshot();
    expect(view.differsFrom(snapshot)).toEqual([]);
    await compare(mailbox, snapshot, told, run.killEvery === undefined);
  }
  await store.sweep();
  expect((await Array.fromAsync(store.check({ digests: true }))).filter(({ kind }) => kind === 'problem')).toEqual([]);
  await store.close();
  return told.operations;
}

async function mailboxesOf(store: Mailstore): Promise<readonly MailboxStore[]> {
  const mailboxes: MailboxStore[] = [];
  for (const address of ADDRESSES) {
    const account = (await store.account(address)) as AccountStore;
    for (const { id } of (await account.listing()).mailboxes) mailboxes.push(account.open(id));
  }
  return mailboxes;
}

/** One process after another until the end, the last not killed. */
async function keepWorking(run: ModelRun, seed: number, end: number, told: Told): Promise<void> {
  for (let round = 0; Date.now() < end; round++) {
    const life = run.killEvery === undefined ? Number.POSITIVE_INFINITY : run.killEvery * (0.5 + ((seed * 7 + round * 13) % 10) / 10);
    const args = [join(import.meta.dirname, 'load.child.ts'), run.dataDir, run.database ?? '', String(seed + round * 100), String(end), ...ADDRESSES];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const killing = Date.now() + life < end ? setTimeout(() => child.kill('SIGKILL'), life) : undefined;
    const begun = new Map<number, Extract<Report, { kind: 'begins' }>>();
    const exited = once(child, 'exit');
    for await (const line of createInterface({ input: child.stdout })) if (line.endsWith('}')) note(JSON.parse(line) as Report, told, begun);
    const [code, signal] = (await exited) as [number | null, string | null];
    clearTimeout(killing);
    expect(code === 0 || signal === 'SIGKILL', `a process ended with ${code ?? signal}`).toBe(true);
    told.unfinished += begun.size;
    for (const { mailbox, uids } of begun.values()) for (const uid of uids) told.unsure.add(`${mailbox} ${uid}`);
  }
}

function note(report: Report, told: Told, begun: Map<number, Extract<Report, { kind: 'begins' }>>): void {
  switch (report.kind) {
    case 'begins':
      begun.set(report.n, report);
      break;
    case 'ends':
      begun.delete(report.n);
      told.operations++;
      break;
    case 'stored':
      assertNew(told, `${report.mailbox} ${report.uid}`);
      told.tokens.set(`${report.mailbox} ${report.uid}`, report.token);
      break;
    case 'copied':
      for (const [from, to] of report.pairs) {
        assertNew(told, `${report.to} ${to}`);
        told.copies.set(`${report.to} ${to}`, `${report.from} ${from}`);
      }
      break;
    case 'removed':
      for (const uid of report.uids) {
        expect(told.removed.has(`${report.mailbox} ${uid}`), `${report.mailbox} ${uid} was removed twice`).toBe(false);
        told.removed.add(`${report.mailbox} ${uid}`);
      }
      break;
    case 'violation':
      throw new Error(report.what);
  }
}

function assertNew({ tokens, copies }: Told, key: string): void {
  if (tokens.has(key) || copies.has(key)) throw new Error(`the UID ${key} was given twice`);
}

async function compare(mailbox: MailboxStore, snapshot: Snapshot, told: Told, exact: boolean): Promise<void> {
  const here = new Set(snapshot.columns.uids);
  const given = [...told.tokens.keys(), ...told.copies.keys()].flatMap((key) => (key.startsWith(`${mailbox.id} `) ? [Number(key.split(' ')[1])] : []));
  const key = (uid: number): string => `${mailbox.id} ${uid}`;
  expect(given.filter((uid) => !here.has(uid) && !told.removed.has(key(uid)) && !told.unsure.has(key(uid)))).toEqual([]);
  expect(given.filter((uid) => here.has(uid) && told.removed.has(key(uid)))).toEqual([]);
  const known = new Set(given);
  const unknown = [...here].filter((uid) => !known.has(uid));
  // What was killed between its commit and its report: an operation files some dozens at most.
  expect(unknown.length).toBeLessThanOrEqual(told.unfinished * 20);
  if (exact) expect(known.size).toBe(snapshot.uidnext - 1);
  for await (const batch of mailbox.messages([[1, snapshot.uidnext]])) {
    for (const { uid, content } of batch) {
      const token = tokenOf(told, key(uid));
      if (token) expect(Buffer.concat(await Array.fromAsync(content.read())).toString()).toBe(token);
    }
  }
}

function tokenOf({ tokens, copies }: Told, key: string): string | undefined {
  let at: string | undefined = key;
  while (at !== undefined && !tokens.has(at)) at = copies.get(at);
  return at === undefined ? undefined : tokens.get(at);
}
