// SELECT (RFC 9051 section 6.3.2), with CONDSTORE and QRESYNC (RFC 7162 section 3.1.8 and 3.2.5).
import { SYSTEM_FLAGS } from '#shared/mailstore/account-store.ts';
import { type Completion, no, ok } from '../response/completion.ts';
import type { SelectedMailbox } from '../session/selected-mailbox.ts';
import type { Session } from '../session/session.ts';
import type { MailboxName } from '../syntax/mailbox-name.ts';
import { type Command, LOGGED_IN } from './command.ts';
import { tellName, writtenMailbox } from './mailbox-argument.ts';
import { type Known, readParameters, resynchronise, type SelectParameters } from './select-parameters.ts';

export interface SelectArguments extends SelectParameters, MailboxName {}

export const select: Command<SelectArguments> = { name: 'SELECT', states: LOGGED_IN, parse, run: (session, args) => open(session, args, false) };

function parse(...[args, session]: Parameters<Command<SelectArguments>['parse']>): SelectArguments {
  const name = writtenMailbox(args, session);
  const parameters = args.atEnd ? { condstore: false, known: null } : readParameters(args, session);
  args.end();
  return { ...name, ...parameters };
}

/** Of EXAMINE too, which is `readOnly`. */
export async function open(session: Session, { name, written, condstore, known }: SelectArguments, readOnly: boolean): Promise<Completion> {
  // Whatever comes of it, the mailbox selected before is not selected any more.
  session.deselect(true);
  const mailbox = await session.select(name, readOnly);
  if (!mailbox) return no('There is no such mailbox', 'NONEXISTENT');
  if (condstore) session.features.enable('CONDSTORE');
  announce(session, mailbox, written);
  if (known) await resyncIfSame(session, mailbox, known);
  return ok(readOnly ? 'Examined' : 'Selected', readOnly ? 'READ-ONLY' : 'READ-WRITE');
}

/** What RFC 9051 section 6.3.2 wants, and RFC 3501 section 6.3.1. */
function announce(session: Session, mailbox: SelectedMailbox, written: string | null): void {
  const { out, features } = session;
  const { moment, view } = mailbox;
  mailbox.announceFlags();
  out.untagged(`${moment.count} EXISTS`);
  if (!features.rev2) {
    out.untagged(`${mailbox.recentCount} RECENT`);
    const unseen = view.columns.firstWithout(SYSTEM_FLAGS['\\Seen']);
    if (unseen >= 0) out.untagged(`OK [UNSEEN ${unseen + 1}] First unseen message`);
  }
  out.untagged(`OK [UIDVALIDITY ${view.snapshot.uidvalidity}] UIDs are valid`);
  out.untagged(`OK [UIDNEXT ${moment.uidnext}] Predicted next UID`);
  out.untagged(`OK [HIGHESTMODSEQ ${moment.highestmodseq}] Highest`);
  // RFC 8474 section 4.2.
  out.untagged(`OK [MAILBOXID (${view.objectId})] Ok`);
  if (features.rev2) tellName(session, mailbox.name, '', written);
}

async function resyncIfSame(session: Session, mailbox: SelectedMailbox, known: Known): Promise<void> {
  // RFC 7162 section 3.2.5: another UIDVALIDITY, and the parameter is ignored.
  if (known.uidvalidity === mailbox.view.snapshot.uidvalidity) await resynchronise(session, mailbox, known);
}
