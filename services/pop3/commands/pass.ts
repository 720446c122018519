// PASS (RFC 1939 section 7): only behind USER. All that follows the one space is the password, spaces too.
import type { Command } from '../conversation.ts';
import { replies } from '../replies.ts';

export const pass: Command = {
  states: ['AUTHORIZATION'],
  run(conversation, argument) {
    const { user } = conversation;
    conversation.user = null;
    if (!conversation.passwordsAllowed) return replies.authNeedsTls;
    if (user === null) return replies.notNow;
    return argument === '' ? replies.syntax : conversation.logIn({ user, password: argument });
  },
};
