// DATA (RFC 5321 section 4.1.1.4): from here to CR LF . CR LF all that comes is content.
import { replies, type ServerReply } from '#shared/smtp/replies.ts';
import type { Conversation } from './conversation.ts';
import { MessageReceiver } from './message-receiver.ts';

export function data(conversation: Conversation, argument: string): ServerReply {
  const { transaction } = conversation;
  if (argument !== '') return replies.noParameters;
  if (!transaction) return replies.needMail;
  if (transaction.recipients.size === 0) return replies.needRcpt;
  conversation.receive(new MessageReceiver(conversation, transaction));
  return replies.startData;
}
