// QUIT (RFC 1939 section 4 and 6): the one command that removes what DELE marked. The positive answer means that it is gone for good, and that
// the next session finds the maildrop free.
import type { Command } from '../conversation.ts';
import { replies } from '../replies.ts';

export const quit: Command = {
  states: ['AUTHORIZATION', 'TRANSACTION'],
  async run(conversation, argument) {
    if (argument.trim() !== '') return replies.syntax;
    conversation.hangUp();
    try {
      conversation.countMessages('deleted', (await conversation.maildrop?.update()) ?? 0);
    } finally {
      await conversation.leaveMaildrop();
    }
    return replies.bye;
  },
};
