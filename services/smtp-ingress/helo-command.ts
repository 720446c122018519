// HELO and EHLO (RFC 5321 section 4.1.1.1): who the client says it is, and what we offer. Both begin the session anew.
import { fill, replies, type ServerReply, withLines } from '#shared/smtp/replies.ts';
import type { Conversation } from './conversation.ts';

/** Octets of a domain, RFC 5321 section 4.5.3.1.2. */
const MAX_NAME = 255;

export function ehlo(conversation: Conversation, argument: string): ServerReply {
  if (!greet(conversation, argument, true)) return replies.heloSyntax;
  return withLines(fill(replies.helo, conversation.ingress.hostname), keywords(conversation));
}

export function helo(conversation: Conversation, argument: string): ServerReply {
  if (!greet(conversation, argument, false)) return replies.heloSyntax;
  return fill(replies.helo, conversation.ingress.hostname);
}

/** The name is not checked against anything (RFC 5321 section 4.1.4); it only has to be fit for a header field. */
function greet(conversation: Conversation, argument: string, extended: boolean): boolean {
  const name = argument.trim();
  if (name.length > MAX_NAME || !/^[!-~]+$/.test(name)) return false;
  conversation.helo = { name, extended };
  // RFC 5321 section 4.1.4: EHLO in the middle of a session clears the transaction.
  conversation.endTransaction();
  return true;
}

function keywords({ ingress, listener, tls, user }: Conversation): string[] {
  return [
    'PIPELINING', // RFC 2920
    `SIZE ${ingress.limits.message_size}`, // RFC 1870
    ...(listener.offersTls && !tls ? ['STARTTLS'] : []), // RFC 3207 section 4.2: not offered again
    ...(tls && user === null ? ['AUTH PLAIN LOGIN'] : []), // RFC 4954 section 4: plain passwords over TLS only
    'ENHANCEDSTATUSCODES', // RFC 2034
    '8BITMIME', // RFC 6152
    'DSN', // RFC 3461
    'SMTPUTF8', // RFC 6531
    'HELP',
  ];
}
