// STARTTLS (RFC 3207). The session forgets all it was told before the handshake; the stream drops what came with the command.
import { replies, type ServerReply } from '#shared/smtp/replies.ts';
import type { Conversation } from './conversation.ts';

export function starttls(conversation: Conversation, argument: string): ServerReply {
  if (conversation.tls) return replies.tlsActive;
  if (!conversation.listener.offersTls) return replies.tlsNotOffered;
  if (argument !== '') return replies.noParameters;
  conversation.upgradeToTls();
  return replies.tlsReady;
}
