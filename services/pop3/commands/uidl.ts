// UIDL (RFC 1939 section 7): the unique-id of one message, or of all.
import { parseArguments, parseNumber } from '../arguments.ts';
import { transaction } from '../conversation.ts';
import { listing } from '../listing.ts';
import type { Maildrop } from '../maildrop.ts';
import { fill, replies } from '../replies.ts';

export const uidl = transaction((maildrop, argument) => {
  const [text] = parseArguments(argument, 1) ?? [''];
  if (text === undefined) return { reply: replies.uniqueIds, body: listing(uniqueIds(maildrop)) };
  const number = parseNumber(text);
  if (number === null) return replies.syntax;
  const message = maildrop.message(number);
  return message ? fill(replies.uniqueId, number, message.uniqueId) : replies.noSuchMessage;
});

function* uniqueIds(maildrop: Maildrop): Generator<string> {
  for (const { number, uniqueId } of maildrop.messages()) yield `${number} ${uniqueId}`;
}
