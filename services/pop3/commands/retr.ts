// RETR (RFC 1939 section 5): a whole message, as a stream.
import { parseArguments, parseNumber } from '../arguments.ts';
import { transaction } from '../conversation.ts';
import { fill, replies } from '../replies.ts';

export const retr = transaction(async (maildrop, argument, conversation) => {
  const number = parseNumber(parseArguments(argument, 1)?.[0] ?? '');
  if (number === null) return replies.syntax;
  const message = maildrop.message(number);
  if (!message) return replies.noSuchMessage;
  const body = await maildrop.read(number);
  if (!body) return replies.messageGone;
  return { reply: fill(replies.message, message.size), body, sent: () => conversation.countMessages('retrieved', 1) };
});
