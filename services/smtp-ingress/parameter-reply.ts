// The reply to a parameter of MAIL or RCPT that cannot be taken.
import type { Problem } from '#shared/mail/parsed.ts';
import { fill, replies, type ServerReply } from '#shared/smtp/replies.ts';

/** RFC 5321 section 4.1.1.11: 555 for a parameter we do not know, 501 for a known one with a wrong value. */
export function parameterReply(problem: Problem): ServerReply {
  return problem.kind === 'unrecognised' ? replies.unknownParameter : fill(replies.badParameter, problem.text);
}
