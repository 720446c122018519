// CAPA (RFC 2449 section 5): what the server can do. Nothing of it depends on who has logged in; STLS goes once TLS is there, and what takes a
// password comes with it.
import { SASL_MECHANISMS } from '#shared/session/sasl.ts';
import type { Command, Conversation } from '../conversation.ts';
import { listing } from '../listing.ts';
import { replies } from '../replies.ts';

export const capa: Command = {
  states: ['AUTHORIZATION', 'TRANSACTION'],
  run(conversation, argument) {
    return argument.trim() === '' ? { reply: replies.capabilities, body: listing(capabilities(conversation)) } : replies.syntax;
  },
};

function* capabilities({ offersTls, passwordsAllowed }: Conversation): Generator<string> {
  // RFC 2595 section 4
  if (offersTls) yield 'STLS';
  if (passwordsAllowed) {
    yield 'USER';
    // RFC 5034 section 3
    yield `SASL ${SASL_MECHANISMS.join(' ')}`;
  }
  yield 'TOP';
  yield 'UIDL';
  yield 'PIPELINING';
  yield 'RESP-CODES';
  // RFC 3206 section 6
  yield 'AUTH-RESP-CODE';
  // RFC 2449 section 6.7: mail stays until somebody deletes it.
  yield 'EXPIRE NEVER';
  // RFC 6856 section 2: USER and PASS take UTF-8 without it being asked for.
  yield 'UTF8 USER';
  yield 'LANG';
  yield 'IMPLEMENTATION Stafette';
}
