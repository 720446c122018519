// The commands that need no file of their own: RSET, NOOP, VRFY, EXPN, HELP, QUIT (RFC 5321 section 4.1.1.5 to 4.1.1.10).
import { replies, type ServerReply } from '#shared/smtp/replies.ts';
import type { Conversation } from './conversation.ts';

/** RFC 5321 section 4.1.1.5. */
export function rset(conversation: Conversation, argument: string): ServerReply {
  if (argument !== '') return replies.noParameters;
  conversation.endTransaction();
  return replies.ok;
}

/** RFC 5321 section 4.1.1.9: a parameter is ignored. */
export function noop(): ServerReply {
  return replies.ok;
}

/** RFC 5321 section 3.5.3 and 7.3: 252 tells nobody which mailboxes exist. */
export function vrfy(_conversation: Conversation, argument: string): ServerReply {
  return argument.trim() === '' ? replies.vrfySyntax : replies.cannotVerify;
}

/** RFC 5321 section 7.3: expanding lists helps only those who harvest them. */
export function expn(): ServerReply {
  return replies.noExpn;
}

/** RFC 5321 section 4.1.1.8. */
export function help(): ServerReply {
  return replies.help;
}

/** RFC 5321 section 4.1.1.10. */
export function quit(conversation: Conversation, argument: string): ServerReply {
  if (argument !== '') return replies.noParameters;
  conversation.hangUp();
  return replies.bye;
}
