// The reply to an argument of MAIL or RCPT, path or parameter, that cannot be taken.
import type { Problem } from '#shared/mail/parsed.ts';
import { fill, replies, type ServerReply } from '#shared/smtp/replies.ts';

/** `badPath` says what is wrong with the path; what is wrong behind it is no address error (RFC 3463 section 3.6, X.5.4). */
export function argumentReply(problem: Problem, badPath: ServerReply): ServerReply {
  return problem.kind === 'parameter' ? parameterReply(problem) : fill(badPath, problem.text);
}

/** RFC 5321 section 4.1.1.11: 555 for a parameter we do not know, 501 for a known one with a wrong value. */
export function parameterReply(problem: Problem): ServerReply {
  return problem.kind === 'unrecognised' ? replies.unknownParameter : fill(replies.badParameter, problem.text);
}
