// UTF8 (RFC 6856 section 2.1): the client takes UTF-8 in headers. Messages go as they were received with and without it.
import type { Command } from '../conversation.ts';
import { replies } from '../replies.ts';

export const utf8: Command = {
  states: ['AUTHORIZATION'],
  run(conversation, argument) {
    if (argument.trim() !== '') return replies.syntax;
    conversation.utf8 = true;
    return replies.utf8;
  },
};
