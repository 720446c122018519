// LIST (RFC 1939 section 5): the size of one message, or of all.
import { parseArguments, parseNumber } from '../arguments.ts';
import { transaction } from '../conversation.ts';
import { listing } from '../listing.ts';
import type { Maildrop } from '../maildrop.ts';
import { fill, replies } from '../replies.ts';

export const list = transaction((maildrop, argument) => {
  const [text] = parseArguments(argument, 1) ?? [''];
  if (text === undefined) {
    const { count, octets } = maildrop.total;
    return { reply: fill(replies.scan, count, octets), body: listing(scan(maildrop)) };
  }
  const number = parseNumber(text);
  if (number === null) return replies.syntax;
  const message = maildrop.message(number);
  return message ? fill(replies.scanOne, number, message.size) : replies.noSuchMessage;
});

function* scan(maildrop: Maildrop): Generator<string> {
  for (const { number, size } of maildrop.messages()) yield `${number} ${size}`;
}
