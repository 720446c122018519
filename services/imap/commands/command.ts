// What a command is. Each is a file of this folder (or of ../fetch, ../search) and a line of table.ts.
import type { Completion } from '../response/completion.ts';
import type { Session } from '../session/session.ts';
import type { ArgumentReader } from '../syntax/argument-reader.ts';

/** RFC 9051 section 3. */
export type SessionState = 'not authenticated' | 'authenticated' | 'selected';

export const ANY_STATE: readonly SessionState[] = ['not authenticated', 'authenticated', 'selected'];
export const BEFORE_LOGIN: readonly SessionState[] = ['not authenticated'];
export const LOGGED_IN: readonly SessionState[] = ['authenticated', 'selected'];
export const MAILBOX_SELECTED: readonly SessionState[] = ['selected'];

/** `Arguments`: what parse understood. */
export interface Command<Arguments = unknown> {
  /** In upper case; `UID FETCH` is one name. */
  readonly name: string;
  readonly states: readonly SessionState[];
  /**
   * What may be told of other sessions' changes before the tagged response. `no expunges`: the command names messages by sequence
   * number, which must not move meanwhile (RFC 9051 section 7.5.1). `news`: all, and that is what the client asks for. Default: all.
   */
  readonly tells?: 'no expunges' | 'news';
  /** Reads all arguments, the first space included; throws BadSyntax. Must not do anything yet. */
  parse(args: ArgumentReader, session: Session): Arguments;
  /** Does it. Untagged responses go to `session.out`. Throws for a bug, a broken dependency, or MailboxGoneError. */
  run(session: Session, args: Arguments): Promise<Completion> | Completion;
}

/** For commands without arguments. */
export function noArguments(args: ArgumentReader): void {
  args.end();
}
