// A large mailbox over IMAP: sessions, one after the other, ask the same. The server has run for a while, with another account's small mailbox; of
// the large one it knows nothing when the first session comes. What the operating system has cached is left as it is. What takes a millisecond is
// asked often: one answer of that kind tells of the machine's sleep more than of the server.
import { processesOf, proportionalSetSize } from '../measure.ts';
import type { Figures } from '../results.ts';
import { startSource } from '../source.ts';
import { median } from '../statistics.ts';
import { type Answer, type ImapSession, openImap } from './imap.ts';
import { MESSAGES_WITH_WORD, WORD } from './large-maildir.ts';
import { accountName, type MailTarget } from './mail-target.ts';
import type { MailboxScenario } from './scenarios.ts';

type Large = Extract<MailboxScenario, { kind: 'large' }>;

const NEWEST = 100;
const WARM_UP = 200;
/** Sessions after the first that list, of which the median counts; SEARCH takes seconds where there is no index, and one session asks. */
const AGAIN = 20;

export async function runLarge({ messages }: Large, target: MailTarget, signal: AbortSignal): Promise<Figures> {
  await warmUp(target, signal);
  const first = await ask(target, signal, (session) => both(session, messages));
  const again = [];
  for (let session = 0; session < AGAIN; session++) again.push(await ask(target, signal, (one) => list(one, messages)));
  const last = await ask(target, signal, search);
  return {
    ...named(first, 'Cold'),
    ...named({ ...mediansOf(again), ...last }, 'Warm'),
    pssMb: proportionalSetSize(processesOf(target.roots(), target.mark)) / 1024 ** 2,
  };
}

/** A small mailbox of another account, read as often as makes a server that has run for a while. */
async function warmUp(target: MailTarget, signal: AbortSignal): Promise<void> {
  const source = startSource({ port: target.port, messages: NEWEST, size: 2048, sessions: 4, recipient: () => accountName(1) });
  await source.done;
  for (let round = 0, there = 0; round < WARM_UP; ) {
    signal.throwIfAborted();
    const session = await openImap(target.imap, 1);
    there = Number(/\* (\d+) EXISTS/.exec((await session.ok('SELECT INBOX')).start)?.[1]);
    if (there >= NEWEST) {
      round++;
      for (const command of ['FETCH 1:* (FLAGS)', 'FETCH 1:* (ENVELOPE)', `SEARCH TEXT ${WORD}`, `SEARCH BODY ${WORD}`]) await session.ok(command);
    }
    session.close();
  }
}

async function ask(target: MailTarget, signal: AbortSignal, questions: (session: ImapSession) => Promise<Figures>): Promise<Figures> {
  const session = await openImap(target.imap, 0);
  const close = () => session.close();
  signal.addEventListener('abort', close, { once: true });
  try {
    return await questions(session);
  } finally {
    signal.removeEventListener('abort', close);
    session.close();
  }
}

async function both(session: ImapSession, messages: number): Promise<Figures> {
  return { ...(await list(session, messages)), ...(await search(session)) };
}

/** Milliseconds of each answer. */
async function list(session: ImapSession, messages: number): Promise<Figures> {
  const select = await session.ok('SELECT INBOX');
  expect(select.start.includes(`* ${messages} EXISTS`), 'SELECT', select);
  const flags = await session.ok('FETCH 1:* (FLAGS)');
  expect(flags.lines === messages, 'FETCH FLAGS', flags);
  const envelope = await session.ok(`FETCH ${messages - NEWEST + 1}:${messages} (ENVELOPE)`);
  expect(envelope.lines >= NEWEST, 'FETCH ENVELOPE', envelope);
  return { select: select.took, flags: flags.took, envelope: envelope.took, selectWithFlags: select.took + flags.took };
}

async function search(session: ImapSession): Promise<Figures> {
  await session.ok('SELECT INBOX');
  const text = await searchFor(session, `SEARCH TEXT ${WORD}`);
  const body = await searchFor(session, `SEARCH BODY ${WORD}`);
  return { search: text.took, searchBody: body.took };
}

function mediansOf(sessions: readonly Figures[]): Figures {
  return Object.fromEntries(Object.keys(sessions[0] ?? {}).map((name) => [name, median(sessions.map((figures) => figures[name] ?? Number.NaN))]));
}

function named(figures: Figures, when: string): Figures {
  return Object.fromEntries(Object.entries(figures).map(([name, value]) => [`${name}${when}`, value]));
}

async function searchFor(session: ImapSession, command: string): Promise<Answer> {
  const answer = await session.ok(command);
  const found = /^\* SEARCH(.*)$/m.exec(answer.start)?.[1]?.trim().split(' ').length;
  expect(found === MESSAGES_WITH_WORD, command, answer);
  return answer;
}

function expect(condition: boolean, what: string, { start, lines }: Answer): void {
  if (!condition) throw new Error(`${what}: an unexpected answer of ${lines} lines: ${start.slice(0, 500)}`);
}
