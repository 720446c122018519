// APPEND (RFC 9051 section 6.3.12), also of several messages (RFC 3502), with literal8 (RFC 3516) and UTF8 (RFC 6855 section 4). Each message goes
// from the socket to the store as a stream. Whatever is refused is still read to its end when it is on its way.
import type { Appending } from '#shared/mailstore/account-store.ts';
import { ConnectionEndedError } from '#shared/session/client-connection.ts';
import { MAX_APPENDED, MAX_LITERALS, MAX_NONSYNC_LITERAL } from '../limits.ts';
import { bad, type Completion, no, ok, refused } from '../response/completion.ts';
import type { Session } from '../session/session.ts';
import { ArgumentReader } from '../syntax/argument-reader.ts';
import { BadSyntax } from '../syntax/bad-syntax.ts';
import type { LiteralAnnouncement } from '../syntax/command-text.ts';
import { readDateTime } from '../syntax/date-time.ts';
import { formatNumbers } from '../syntax/sequence-set.ts';
import { type Command, LOGGED_IN } from './command.ts';
import { encodeBinary } from './encode-binary.ts';
import { mailboxArgument } from './mailbox-argument.ts';

interface Draft {
  readonly flags: readonly string[];
  readonly receivedAt?: number;
  /** `UTF8 (~{n}`: a parenthesis closes behind the literal. */
  readonly wrapped: boolean;
}

interface AppendArguments {
  readonly name: string;
  readonly first: Draft;
}

/** After the mailbox name (which may be a literal), every literal of APPEND is a message. */
const MESSAGE = /^[^ ]+ APPEND (?!~?\{\d+\+?\}$)/i;

/** True when the literal that this command line ends with is a message. */
export function isMessageLiteral(text: string): boolean {
  return MESSAGE.test(text);
}

export const append: Command<AppendArguments> = {
  name: 'APPEND',
  states: LOGGED_IN,
  parse(args, session) {
    const name = mailboxArgument(args, session);
    return { name, first: readDraft(args) };
  },
  async run(session, { name, first }) {
    const appending = await session.user.append(name);
    if (appending.kind === 'refused') return refused(appending);
    try {
      return await appendAll(session, appending, first);
    } finally {
      await appending.abort(); // does nothing after commit
    }
  },
};

async function appendAll(session: Session, appending: Appending, first: Draft): Promise<Completion> {
  for (let draft: Draft | null = first, count = 1; draft !== null; count++) {
    const { pending } = session;
    const wrong = whyNot(session, pending, count);
    if (wrong || !pending) return wrong ?? bad('Expected a literal');
    const { flags, receivedAt, wrapped } = draft;
    const content = await session.reader.accept(pending);
    session.pending = null;
    const message = { flags, ...(receivedAt === undefined ? {} : { receivedAt }) };
    const added = await (pending.binary ? appending.add(encodeBinary(content), message) : appending.add(content, { ...message, size: pending.size }));
    draft = await nextDraft(session, wrapped);
    if (added.kind === 'refused') return refused(added);
  }
  return commit(session, appending);
}

/** What can be said before the message is asked for. */
function whyNot({ server }: Session, pending: LiteralAnnouncement | null, count: number): Completion | null {
  if (pending === null) return bad('Expected a literal');
  // RFC 7888 section 4, for LITERAL-.
  if (!pending.synchronizing && pending.size > MAX_NONSYNC_LITERAL) return bad('Larger literals wait until they are asked for', 'TOOBIG');
  if (count > MAX_APPENDED) return no('Too many messages in one APPEND', 'LIMIT');
  // RFC 7889 section 4.
  if (pending.size > server.appendLimit) return no('The message is too large', 'TOOBIG');
  // RFC 3502 section 6.3.11: a message of no octets cancels, and those before it with it.
  return pending.size === 0 ? no('There is no message') : null;
}

/** What follows a message: the next one's draft, or null at the end of the command. */
async function nextDraft(session: Session, wrapped: boolean): Promise<Draft | null> {
  const rest = await session.reader.rest(MAX_LITERALS);
  if (rest.kind !== 'command') throw rest.kind === 'refused' ? new BadSyntax('Lines end with CR LF') : new ConnectionEndedError(`${rest.kind} within APPEND`);
  session.pending = rest.pending;
  const args = new ArgumentReader(rest.command);
  if (wrapped) args.expect(')');
  return args.atEnd ? null : readDraft(args);
}

/** APPENDUID: RFC 4315 section 3. */
async function commit({ selected }: Session, appending: Appending): Promise<Completion> {
  const done = await appending.commit();
  if (done.kind === 'refused') return refused(done);
  if (selected?.store.id === done.mailbox) selected.view.expectNews();
  return ok('Appended', `APPENDUID ${done.uidvalidity} ${formatNumbers(done.uids)}`);
}

/** ` [flags] [date-time] {n}`: what comes before a message. */
function readDraft(args: ArgumentReader): Draft {
  args.space();
  const flags = args.peek() === '(' ? args.list(() => args.flag(), 'may be empty') : null;
  if (flags) args.space();
  const receivedAt = args.peek() === '"' ? readDateTime(args) : undefined;
  if (receivedAt !== undefined) args.space();
  const wrapped = args.takeKeyword('UTF8');
  if (wrapped) {
    args.space();
    args.expect('(');
  }
  args.announcement();
  args.end();
  return { flags: flags ?? [], wrapped, ...(receivedAt === undefined ? {} : { receivedAt }) };
}
