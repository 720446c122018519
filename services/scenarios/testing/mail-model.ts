// Many clients on several imap, pop3 and local-mailbox processes over one mail store, by one seed; in the middle Redis goes away and comes back.
// Returns what happened and what was wrong. Owns the processes.
import { setTimeout as pause } from 'node:timers/promises';
import { seededRandom } from '#shared/mailstore/testing/seeded-random.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { ImapWorker, STEADY } from './imap-worker.ts';
import { type Final, History } from './mail-history.ts';
import { type MailPods, type MailPodsOptions, type Pod, startMailPods } from './mail-pods.ts';
import { type Holders, pop3Worker, smtpWorker, type Work } from './mail-workers.ts';
import { type Mode, ViewingClient } from './viewing-client.ts';

export interface ModelRun extends Pick<MailPodsOptions, 'database'> {
  readonly seed: number;
  readonly seconds: number;
  /** IMAP sessions that work, for each account. */
  readonly sessions: number;
  /** Milliseconds that Redis is away, in the middle. */
  readonly redisAway?: number;
  /** Milliseconds between two kills of a process of imap, pop3 or local-mailbox. */
  readonly killEvery?: number;
}

export interface ModelResult {
  readonly problems: readonly string[];
  /** How many operations ended well, by name. */
  readonly done: Readonly<Record<string, number>>;
  readonly messages: number;
}

const ACCOUNTS = ['alice@example.org', 'bob@example.org'];
const IDLE_MODES: readonly Mode[] = ['condstore', 'qresync'];
/** A watcher asks for what it does not know, and idles again. */
const IDLE_FOR = 2_000;
/** Milliseconds that nothing need be told: while the last mail arrives. */
const SILENCE = 300_000;
/** Until an IDLE that heard nothing for a while is right: the store's poll comes every 30 s, and must not be what helps. */
const TOLD_WITHIN = 8_000;

export async function runMailModel(run: ModelRun): Promise<ModelResult> {
  await using pods = await startMailPods({ database: run.database, accounts: ACCOUNTS, copies: 2 });
  await using stack = new AsyncDisposableStack();
  const history = new History();
  const end = performance.now() + run.seconds * 1000;
  let seeds = 0;
  const work = (name: string, account: string): Work => ({
    ...{ pods, history, name, account, killed: run.killEvery !== undefined, goesOn: () => performance.now() < end && history.problems.length < 10 },
    random: seededRandom(run.seed * 1000 + seeds++),
  });
  const holders: Holders = new Map();
  const accounts = ACCOUNTS.map((account) => {
    const name = account.slice(0, 1);
    return {
      account,
      imap: Array.from({ length: run.sessions }, (_, index) => new ImapWorker(work(`${name}${index}`, account)).run()),
      others: [
        ...[0, 1].map((index) => smtpWorker({ ...work(`${name}s${index}`, account), accounts: ACCOUNTS })),
        ...[0, 1].map((index) => pop3Worker({ ...work(`${name}p${index}`, account), holders })),
      ],
    };
  });
  const watching = run.killEvery === undefined ? await startWatchers(pods, history, () => performance.now() < end) : [];
  for (const { client } of watching) stack.use(client);
  const disturbing = disturb(run, pods, history, end);
  const views = (await Promise.all(accounts.flatMap(({ imap }) => imap))).filter((view) => view !== null);
  for (const view of views) stack.use(view);
  await Promise.all([...accounts.flatMap(({ others }) => others), disturbing]);
  for (const { finished } of watching) await finished;

  const final = await settled(pods, history);
  for (const watcher of watching) await judgeWatcher(watcher, final, history);
  for (const view of views) await judgeView(view, final, history, run.killEvery !== undefined);
  await pods.check().catch((error: unknown) => history.problem(String(error)));
  return { problems: history.problems, done: Object.fromEntries(history.done), messages: final.reduce((sum, { messages }) => sum + messages.length, 0) };
}

/** Redis goes away and comes back, or processes are killed and started again. */
async function disturb({ redisAway, killEvery, seconds, seed }: ModelRun, pods: MailPods, history: History, end: number): Promise<void> {
  if (redisAway !== undefined) {
    await pause((seconds * 1000) / 2);
    const before = [...history.done.values()].reduce((sum, count) => sum + count, 0);
    await pods.redis.kill();
    await pause(redisAway);
    const after = [...history.done.values()].reduce((sum, count) => sum + count, 0);
    await pods.redis.start();
    // Mail is read and kept without Redis.
    if (after === before) history.problem('no operation ended while Redis was away');
  }
  const random = seededRandom(seed);
  const victims: readonly Pod[] = [...pods.imap, ...pods.pop3, ...pods.delivery];
  while (killEvery !== undefined && performance.now() + killEvery < end) {
    await pause(killEvery);
    const victim = victims[Math.floor(random() * victims.length)] as Pod;
    await victim.kill();
    history.count(`kill ${victim.roles}`);
    await victim.start();
  }
}

interface Watcher {
  readonly client: ViewingClient;
  readonly name: string;
  readonly finished: Promise<void>;
  /** Ends the IDLE in which it is left. */
  done(): Promise<void>;
}

/** Sessions that idle, on each process, for each account and mailbox. */
async function startWatchers({ imap }: MailPods, history: History, goesOn: () => boolean): Promise<readonly Watcher[]> {
  const places = ACCOUNTS.flatMap((account) =>
    STEADY.flatMap((name) => imap.map(({ port }, index) => ({ account, name, port, mode: IDLE_MODES[index] as Mode }))),
  );
  return await Promise.all(
    places.map(async ({ account, name, port, mode }): Promise<Watcher> => {
      const client = await ViewingClient.logIn(port, account, mode, history, SILENCE);
      await client.select(name, null, 'EXAMINE');
      let idling = await client.idle();
      const watch = async () => {
        while (goesOn()) {
          await pause(IDLE_FOR);
          await idling.done();
          await client.complete();
          idling = await client.idle();
        }
      };
      const finished = watch().catch((error: unknown) => history.problem(`the watcher of ${account} ${name}: ${String(error)}`));
      return { client, name, finished, done: () => idling.done() };
    }),
  );
}

/** All mail has arrived: both processes say the same, twice. */
async function settled(pods: MailPods, history: History): Promise<readonly Final[]> {
  let last = '';
  const final = await eventually(
    async () => {
      const [one, other] = await Promise.all(pods.imap.map((pod) => finalOf(pod, history)));
      const text = JSON.stringify(one);
      if (text !== JSON.stringify(other)) throw new Error('two processes show different mailboxes');
      const waiting = /^stafette_spool_messages(?:\{[^}]*\})? (\d+)$/m.exec(await pods.front.metrics())?.[1];
      const same = text === last && waiting === '0';
      last = text;
      return same ? one : null;
    },
    { within: 90_000, every: 500 },
  );
  history.judge(final);
  return final;
}

async function finalOf({ port }: Pod, history: History): Promise<readonly Final[]> {
  const all: Final[] = [];
  for (const account of ACCOUNTS) {
    await using client = await ViewingClient.logIn(port, account, 'condstore', history);
    const names = (await client.ok('LIST "" "*"')).flatMap((response) => /^LIST .* "?([^" ]+)"?$/.exec(response)?.[1] ?? []);
    for (const name of names) {
      const { uidvalidity, entries } = await client.select(name, null, 'EXAMINE');
      const messages = entries.map(({ uid, flags, modseq, token }) => ({ uid: uid ?? 0, flags: flags ?? '', modseq, token: token ?? '' }));
      all.push({ account, name, uidvalidity, messages });
    }
  }
  return all;
}

/** Without a word of its own it knows all that happened, also while Redis was away. */
async function judgeWatcher({ client, name, done }: Watcher, final: readonly Final[], history: History): Promise<void> {
  const place = finalFor(client, final);
  const differing = () => client.differsFrom(place);
  await eventually(() => differing().length === 0, { within: TOLD_WITHIN }).catch(() =>
    history.problem(`IDLE of ${client.account} ${name}: ${differing().slice(0, 3).join('; ')}`),
  );
  await done();
  await client.complete();
  for (const what of differing().slice(0, 3)) history.problem(`the watcher of ${client.account} ${name}: ${what}`);
}

async function judgeView(view: ViewingClient, final: readonly Final[], history: History, killed: boolean): Promise<void> {
  try {
    await view.ok('NOOP');
    await view.complete();
    for (const what of view.differsFrom(finalFor(view, final)).slice(0, 3)) history.problem(`a session of ${view.account} ${view.box?.name}: ${what}`);
  } catch (error) {
    if (!killed && !/deleted/.test(String(error))) history.problem(`a session at the end: ${String(error)}`);
  }
}

const finalFor = ({ account, box }: ViewingClient, final: readonly Final[]): Final | undefined =>
  final.find((each) => each.account === account && each.uidvalidity === box?.uidvalidity);
