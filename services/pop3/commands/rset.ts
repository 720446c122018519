// RSET (RFC 1939 section 5): takes all marks of DELE back.
import { transaction } from '../conversation.ts';
import { fill, replies } from '../replies.ts';

export const rset = transaction((maildrop, argument) => {
  if (argument.trim() !== '') return replies.syntax;
  maildrop.reset();
  const { count, octets } = maildrop.total;
  return fill(replies.reset, count, octets);
});
