// USER (RFC 1939 section 7). The answer tells nobody which mailboxes exist.
import type { Command } from '../conversation.ts';
import { replies } from '../replies.ts';

export const user: Command = {
  states: ['AUTHORIZATION'],
  run(conversation, argument) {
    conversation.user = null;
    if (!conversation.passwordsAllowed) return replies.authNeedsTls;
    const name = argument.trimEnd();
    if (name === '') return replies.syntax;
    conversation.user = name;
    return replies.user;
  },
};
