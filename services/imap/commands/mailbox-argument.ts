// What many commands begin with: a space and a mailbox name; and how a name is written back.
import type { Piece } from '../response/strings.ts';
import { astring } from '../response/strings.ts';
import type { Session } from '../session/session.ts';
import type { ArgumentReader } from '../syntax/argument-reader.ts';
import { mailboxForWire, readMailbox } from '../syntax/mailbox-name.ts';

export function mailboxArgument(args: ArgumentReader, { features }: Session): string {
  args.space();
  return readMailbox(args, features.nameForm);
}

/** The only argument. */
export function onlyMailbox(args: ArgumentReader, session: Session): string {
  const name = mailboxArgument(args, session);
  args.end();
  return name;
}

/** The name as this client reads it. */
export function mailboxPiece(name: string, { features }: Session): Piece {
  return astring(mailboxForWire(name, features.nameForm), features.utf8);
}
