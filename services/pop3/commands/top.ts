// TOP (RFC 1939 section 7): the header, the blank line, and so many lines of the body. No more of the message is read than that.
import { parseArguments, parseNumber } from '../arguments.ts';
import { transaction } from '../conversation.ts';
import { replies } from '../replies.ts';
import { topOf } from '../top-of.ts';

export const top = transaction(async (maildrop, argument) => {
  const [number, lines] = (parseArguments(argument, 2) ?? []).map(parseNumber);
  if (typeof number !== 'number' || typeof lines !== 'number') return replies.syntax;
  if (!maildrop.message(number)) return replies.noSuchMessage;
  const content = await maildrop.read(number);
  return content ? { reply: replies.top, body: topOf(content, lines) } : replies.messageGone;
});
