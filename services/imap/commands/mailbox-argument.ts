// What many commands begin with: a space and a mailbox name; and how a name is written back.
import type { Piece } from '../response/strings.ts';
import { astring } from '../response/strings.ts';
import type { Session } from '../session/session.ts';
import type { ArgumentReader } from '../syntax/argument-reader.ts';
import { type MailboxName, mailboxForWire, readMailbox } from '../syntax/mailbox-name.ts';

export function mailboxArgument(args: ArgumentReader, session: Session): string {
  return writtenMailbox(args, session).name;
}

/** For commands that tell the client when they took its name for another: see tellOldName. */
export function writtenMailbox(args: ArgumentReader, { features }: Session): MailboxName {
  args.space();
  return readMailbox(args, features.nameForm);
}

/** The only argument. */
export function onlyMailbox(args: ArgumentReader, session: Session): string {
  return onlyWrittenMailbox(args, session).name;
}

export function onlyWrittenMailbox(args: ArgumentReader, session: Session): MailboxName {
  const name = writtenMailbox(args, session);
  args.end();
  return name;
}

/** RFC 9051 section 6.3.9.7: the client wrote the name otherwise than it is kept, and is told which that is. */
export function tellOldName(session: Session, { name, written }: MailboxName, attributes = ''): void {
  if (written !== null && session.features.rev2) tellName(session, name, attributes, written);
}

/** `LIST () "/" name`, with OLDNAME where there is one. */
export function tellName(session: Session, name: string, attributes = '', old: string | null = null): void {
  const oldName: readonly Piece[] = old === null ? [] : [' ("OLDNAME" (', mailboxPiece(old, session), '))'];
  session.out.untagged(`LIST (${attributes}) "/" `, mailboxPiece(name, session), ...oldName);
}

/** The name as this client reads it. */
export function mailboxPiece(name: string, { features }: Session): Piece {
  return astring(mailboxForWire(name, features.nameForm), features.utf8);
}
