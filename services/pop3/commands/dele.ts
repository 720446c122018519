// DELE (RFC 1939 section 5): marks a message; QUIT removes it.
import { parseArguments, parseNumber } from '../arguments.ts';
import { transaction } from '../conversation.ts';
import { fill, replies } from '../replies.ts';

export const dele = transaction((maildrop, argument) => {
  const number = parseNumber(parseArguments(argument, 1)?.[0] ?? '');
  if (number === null) return replies.syntax;
  if (!maildrop.message(number)) return replies.noSuchMessage;
  maildrop.delete(number);
  return fill(replies.deleted, number);
});
