// NOOP (RFC 1939 section 5).
import { transaction } from '../conversation.ts';
import { replies } from '../replies.ts';

export const noop = transaction((_maildrop, argument) => (argument.trim() === '' ? replies.done : replies.syntax));
