// FETCH and UID FETCH (RFC 9051 section 6.4.5), with CHANGEDSINCE and VANISHED (RFC 7162 section 3.1.4.1 and 3.2.6). Owns nothing: messages come
// from the store in batches, their content as streams.
import { turn } from '#shared/mail/turns.ts';
import { SYSTEM_FLAGS } from '#shared/mailstore/account-store.ts';
import { placeFrom } from '#shared/mailstore/column-place.ts';
import type { MessageColumns, MessageInfo } from '#shared/mailstore/mailbox-store.ts';
import { rangesOf, type UidSet } from '#shared/mailstore/uid-set.ts';
import { ContentMissingError, SpoolFullError } from '#shared/spool/cold-store.ts';
import { type Command, MAILBOX_SELECTED } from '../commands/command.ts';
import { intersection } from '../commands/select-parameters.ts';
import type { FlagsChange } from '../mailbox/moment.ts';
import { type Completion, no, ok } from '../response/completion.ts';
import type { Naming, SelectedMailbox } from '../session/selected-mailbox.ts';
import type { Session } from '../session/session.ts';
import type { ArgumentReader } from '../syntax/argument-reader.ts';
import { BadSyntax } from '../syntax/bad-syntax.ts';
import { formatRanges, normalised, type SequenceSet } from '../syntax/sequence-set.ts';
import { UnknownEncodingError } from './binary.ts';
import { type FetchItem, isColumn, isShort, readItems, setsSeen, wantsOf } from './fetch-item.ts';
import { closeAll, messageParts, writeMessage, writeShort } from './message-response.ts';

interface Modifiers {
  readonly changedSince: number | null;
  readonly vanished: boolean;
}

interface FetchArguments extends Modifiers {
  readonly set: SequenceSet;
  readonly items: readonly FetchItem[];
}

export const fetch: Command<FetchArguments> = {
  name: 'FETCH',
  states: MAILBOX_SELECTED,
  tells: 'no expunges',
  parse: (args, session) => read(args, session, 'sequence'),
  run: (session, args) => run(session, 'sequence', args),
};

export const uidFetch: Command<FetchArguments> = {
  name: 'UID FETCH',
  states: MAILBOX_SELECTED,
  parse: (args, session) => read(args, session, 'uid'),
  run: (session, args) => run(session, 'uid', args),
};

function read(args: ArgumentReader, session: Session, naming: Naming): FetchArguments {
  args.space();
  const set = args.sequenceSet();
  args.space();
  const asked = readItems(args);
  const modifiers = args.atEnd ? { changedSince: null, vanished: false } : readModifiers(args);
  args.end();
  const { changedSince, vanished } = modifiers;
  // RFC 7162 section 3.2.6
  if (vanished && (naming !== 'uid' || changedSince === null || !session.features.qresync))
    throw new BadSyntax('VANISHED goes with UID FETCH, CHANGEDSINCE and QRESYNC');
  return { set, items: completed(asked, naming, changedSince !== null), changedSince, vanished };
}

function readModifiers(args: ArgumentReader): Modifiers {
  let changedSince: number | null = null;
  let vanished = false;
  args.space();
  args.list(() => {
    if (args.takeKeyword('VANISHED')) vanished = true;
    else if (args.takeKeyword('CHANGEDSINCE')) {
      args.space();
      changedSince = args.number();
    } else throw new BadSyntax('Unknown modifier of FETCH');
  });
  return { changedSince, vanished };
}

/** RFC 9051 section 6.4.9: UID FETCH always tells UIDs. RFC 7162 section 3.1.4.1: CHANGEDSINCE asks for MODSEQ. */
function completed(items: readonly FetchItem[], naming: Naming, modseq: boolean): readonly FetchItem[] {
  const has = (kind: FetchItem['kind']): boolean => items.some((item) => item.kind === kind);
  const before: readonly FetchItem[] = naming === 'uid' && !has('UID') ? [{ kind: 'UID' }] : [];
  const after: readonly FetchItem[] = modseq && !has('MODSEQ') ? [{ kind: 'MODSEQ' }] : [];
  return [...before, ...distinct(items), ...after];
}

/** Each item once, however often it is asked for: BODY[1] and BODY.PEEK[1] are answered alike, and one of them sets \Seen. */
function distinct(items: readonly FetchItem[]): readonly FetchItem[] {
  const by = Map.groupBy(items, (item) => ('label' in item ? JSON.stringify(item.label) : item.kind));
  return Array.from(by.values(), (same) => same.find(setsSeen) ?? (same[0] as FetchItem));
}

async function run(session: Session, naming: Naming, { set, items, changedSince, vanished }: FetchArguments): Promise<Completion> {
  const { mailbox, features } = session;
  // RFC 7162 section 3.1: asking for MODSEQ enables CONDSTORE.
  if (items.some(({ kind }) => kind === 'MODSEQ')) features.enable('CONDSTORE');
  const uids = mailbox.resolve(set, naming);
  if (vanished && changedSince !== null) await tellVanished(session, set, changedSince);
  const since = changedSince ?? -1;
  const outcome = items.every(isColumn) ? await fetchColumns(session, uids, items, since) : await fetchMessages(session, uids, items, since);
  return completion(session, outcome);
}

interface Outcome {
  /** UIDs of messages without content. */
  readonly gone: number[];
  unknownEncoding: boolean;
}

async function completion({ mailbox, server }: Session, { gone, unknownEncoding }: Outcome): Promise<Completion> {
  if (unknownEncoding) return no('The encoding of a part is not known here', 'UNKNOWN-CTE');
  if (gone.length > 0) {
    await mailbox.view.look();
    const damaged = gone.filter((uid) => mailbox.view.columns.get(uid) !== null);
    if (damaged.length > 0) {
      server.host.log.error(
        { mailbox: mailbox.name, mailboxId: mailbox.store.id, uids: damaged },
        'messages without their content: run stafette mailbox check',
      );
      // RFC 5530 section 3
      return no('The content of some messages is lost', 'CORRUPTION');
    }
  }
  return ok('Fetched');
}

/** RFC 7162 section 3.2.6. */
async function tellVanished({ mailbox, out }: Session, set: SequenceSet, changedSince: number): Promise<void> {
  const asked = set.kind === 'saved' ? mailbox.saved : normalised(set.ranges, mailbox.moment.uidnext - 1);
  const { vanished } = await mailbox.store.changesSince(changedSince);
  const gone = mailbox.absent(intersection(vanished, asked));
  if (gone.length > 0) out.untagged(`VANISHED (EARLIER) ${formatRanges(gone)}`);
}

/** From memory. */
async function fetchColumns(session: Session, uids: UidSet, items: readonly FetchItem[], since: number): Promise<Outcome> {
  const { mailbox, out } = session;
  // All at once: the columns may change while the client is waited for.
  const messages = mailbox.view.columns.copy(uids);
  for (let at = 0; at < messages.uids.length; ) {
    at = writeColumns(session, items, messages, at, since);
    const later = out.ready() ?? turn();
    if (later) await later;
  }
  return { gone: [], unknownEncoding: false };
}

/** Responses written between two looks at the client and at the clock. */
const TOGETHER = 256;

/** Writes the responses of some messages from this place on; returns the place after them. A plain loop: a mailbox may have a million. */
function writeColumns({ mailbox, out }: Session, items: readonly FetchItem[], { uids, modseqs, flags }: MessageColumns, from: number, since: number): number {
  const end = Math.min(from + TOGETHER, uids.length);
  for (let at = from; at < end; at++) {
    const uid = uids[at] as number;
    const modseq = modseqs[at] as number;
    const number = modseq > since ? mailbox.sequenceNumber(uid) : 0;
    if (number > 0) out.untagged(`${number} FETCH (${columnTexts(mailbox, items, uid, flags[at] as number, modseq)})`);
  }
  return end;
}

function columnTexts(mailbox: SelectedMailbox, items: readonly FetchItem[], uid: number, flags: number, modseq: number): string {
  let texts = '';
  for (const { kind } of items) {
    if (texts !== '') texts += ' ';
    if (kind === 'UID') texts += `UID ${uid}`;
    else texts += kind === 'MODSEQ' ? `MODSEQ (${modseq})` : `FLAGS ${mailbox.flags(uid, flags)}`;
  }
  return texts;
}

/** Messages whose \Seen is set together, before the first of them is sent: a client that leaves has few marked that it did not get. */
const SEEN_TOGETHER = 50;

/** From the store. */
async function fetchMessages(session: Session, uids: UidSet, items: readonly FetchItem[], since: number): Promise<Outcome> {
  const { mailbox } = session;
  const seen = !mailbox.readOnly && items.some(setsSeen);
  const outcome: Outcome = { gone: [], unknownEncoding: false };
  let missing = countAmong(mailbox.view.columns.uids, uids);
  for await (const batch of mailbox.store.messages(uids, wantsOf(items))) {
    missing -= batch.length;
    // What is told of flags is of the view, which must not know less than the store does.
    if (batch.some((info) => stateOf(mailbox, info).modseq < info.modseq)) await mailbox.view.look();
    const wanted = batch.filter((info) => stateOf(mailbox, info).modseq > since && mailbox.sequenceNumber(info.uid) > 0);
    for (let at = 0; at < wanted.length; at += SEEN_TOGETHER) {
      const some = wanted.slice(at, at + SEEN_TOGETHER);
      const changed = seen ? await markSeen(mailbox, some) : new Set<number>();
      for (const info of some) await writeOne(session, info, changed.has(info.uid), items, outcome);
    }
  }
  if (missing > 0) mailbox.view.expectNews(); // expunged, and nobody has told us yet
  return outcome;
}

/** Messages of the set that stand in the column. */
function countAmong(column: Uint32Array, set: UidSet): number {
  return set.reduce((sum, [first, last]) => sum + placeFrom(column, last + 1) - placeFrom(column, first), 0);
}

/** Flags and modseq to tell: those of the view, like everywhere, so that none is older than what was told. */
function stateOf({ view }: SelectedMailbox, info: MessageInfo): FlagsChange {
  return view.columns.get(info.uid) ?? info;
}

/** RFC 9051 section 6.4.5: fetching a body sets \Seen. Returns the UIDs of messages that did not have it. On a full disk they are read all the same, and stay unseen. */
async function markSeen(mailbox: SelectedMailbox, messages: readonly MessageInfo[]): Promise<ReadonlySet<number>> {
  const unseen = messages.filter((info) => (stateOf(mailbox, info).flags & SYSTEM_FLAGS['\\Seen']) === 0).map(({ uid }) => uid);
  if (unseen.length === 0) return new Set();
  const stored = await mailbox.store.storeFlags(rangesOf(unseen), 'add', ['\\Seen']).catch(nullIfFull);
  if (stored === null || stored.kind === 'refused') return new Set();
  await mailbox.stored(stored, true);
  return new Set(stored.changed.uids);
}

function nullIfFull(error: unknown): null {
  if (error instanceof SpoolFullError) return null;
  throw error;
}

const FLAGS: FetchItem = { kind: 'FLAGS' };
const MODSEQ: FetchItem = { kind: 'MODSEQ' };

/** One response; without content there is none, only its new flags are told. */
async function writeOne(session: Session, info: MessageInfo, changed: boolean, items: readonly FetchItem[], outcome: Outcome): Promise<void> {
  const { mailbox, features, out } = session;
  const state = stateOf(mailbox, info);
  const news = changed ? [FLAGS, ...(features.condstore ? [MODSEQ] : [])].filter(({ kind }) => !items.some((item) => item.kind === kind)) : [];
  const facts = { info, flags: mailbox.flags(info.uid, state.flags), modseq: state.modseq, utf8: features.utf8 };
  if (items.every(isShort)) return writeShort(out, mailbox.sequenceNumber(info.uid), items, facts);
  try {
    const parts = await messageParts([...items, ...news], facts);
    try {
      await writeMessage(out, mailbox.sequenceNumber(info.uid), parts);
    } finally {
      await closeAll(parts);
    }
    const ready = out.ready();
    if (ready) await ready;
  } catch (error) {
    if (out.unfinished || !(error instanceof ContentMissingError || error instanceof UnknownEncodingError)) throw error;
    if (error instanceof UnknownEncodingError) outcome.unknownEncoding = true;
    else outcome.gone.push(info.uid);
    if (changed) mailbox.tellFlags(state);
  }
}
