// STAT (RFC 1939 section 5): messages not marked as deleted, and their octets.
import { transaction } from '../conversation.ts';
import { fill, replies } from '../replies.ts';

export const stat = transaction((maildrop, argument) => {
  if (argument.trim() !== '') return replies.syntax;
  const { count, octets } = maildrop.total;
  return fill(replies.status, count, octets);
});
