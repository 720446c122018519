// What a command sees of its session, so that each command is a file that needs no socket.
//
// AUTHORIZATION: until `maildrop` is there. TRANSACTION: while it is. UPDATE: QUIT in the latter (RFC 1939 section 3).
import type { Octets } from '#shared/mailstore/mailbox-store.ts';
import type { Credentials } from '#shared/session/sasl.ts';
import type { Maildrop } from './maildrop.ts';
import type { Reply } from './replies.ts';

/** A reply of several lines: octets of any form, which the session sends as lines that end with a lone dot. */
export interface MultiLine {
  readonly reply: Reply;
  readonly body: Octets;
  /** Called when all of it has gone to the client. */
  readonly sent?: () => void;
}

/** Null: the command has answered itself. */
export type Answer = Reply | MultiLine | null;

export interface Conversation {
  /** The mailbox of who has logged in; null in the AUTHORIZATION state. */
  readonly maildrop: Maildrop | null;
  readonly tls: boolean;
  /** STLS would be possible here: offered, and not done. */
  readonly offersTls: boolean;
  /** A password may be sent now: over TLS, or in the clear where the operator allows it. */
  readonly passwordsAllowed: boolean;
  /** What USER said, for the PASS that follows. */
  user: string | null;
  /** The client has said UTF8. */
  utf8: boolean;
  /** Sends a challenge and waits for the line that answers it; null when the session is over instead. RFC 5034 section 4. */
  challenge(text: string): Promise<string | null>;
  /** Checks the password and opens the maildrop. */
  logIn(credentials: Credentials): Promise<Reply>;
  /** The reply to STLS and the handshake. */
  startTls(): Promise<void>;
  /** Leaves the maildrop to others. */
  leaveMaildrop(): Promise<void>;
  /** The session ends when the answer to this command has been sent. */
  hangUp(): void;
  countMessages(action: 'retrieved' | 'deleted', count: number): void;
}

export interface Command {
  readonly states: readonly ('AUTHORIZATION' | 'TRANSACTION')[];
  /** Takes what follows the keyword and a space. */
  run(conversation: Conversation, argument: string): Answer | Promise<Answer>;
}

/** A command of the TRANSACTION state. */
export function transaction(run: (maildrop: Maildrop, argument: string, conversation: Conversation) => Answer | Promise<Answer>): Command {
  return {
    states: ['TRANSACTION'],
    run(conversation, argument) {
      if (!conversation.maildrop) throw new Error('a TRANSACTION command without a maildrop');
      return run(conversation.maildrop, argument, conversation);
    },
  };
}
