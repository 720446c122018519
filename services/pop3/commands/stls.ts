// STLS (RFC 2595 section 4). The session forgets what it was told before the handshake, and drops what came with the command.
import type { Command } from '../conversation.ts';
import { replies } from '../replies.ts';

export const stls: Command = {
  states: ['AUTHORIZATION'],
  async run(conversation, argument) {
    if (argument.trim() !== '') return replies.syntax;
    if (conversation.tls) return replies.tlsActive;
    if (!conversation.offersTls) return replies.tlsNotOffered;
    // RFC 6856 section 2.1: a client must not say STLS behind UTF8.
    if (conversation.utf8) return replies.tlsAfterUtf8;
    conversation.user = null;
    await conversation.startTls();
    return null;
  },
};
