// Every reply that our SMTP server gives: code, enhanced code, text and where it comes from. No reply text is made elsewhere.
// Owns the wire form: whatever is filled in is cleaned here, so a reply can never make an extra line.
import { cleanText } from '#shared/mail/header.ts';

export interface ServerReply {
  readonly code: number;
  /** RFC 3463. Null where RFC 2034 section 3 wants none: the greeting, answers to HELO and EHLO, 3xx. */
  readonly status: string | null;
  /** `%s` stands for what `fill` puts in. */
  readonly text: string;
  /** The sections that ask for this reply. */
  readonly rfc: string;
  /** What is sent, CR LF included. */
  readonly wire: string;
}

/** Bytes of one thing filled in: a reply line has at most 512 (RFC 5321 section 4.5.3.1.5). */
const MAX_DETAIL = 200;

export const replies = {
  greeting: reply(220, null, '%s ESMTP Stafette', 'RFC 5321 section 4.3.1'),
  earlyTalker: reply(554, '5.5.1', 'Protocol error: you spoke before the greeting', 'RFC 5321 section 3.1'),
  tooManyConnections: reply(421, '4.7.0', '%s Too many connections, try again later', 'RFC 5321 section 3.8'),
  tooManyFromClient: reply(421, '4.7.0', '%s Too many connections from you, try again later', 'RFC 5321 section 3.8'),
  shuttingDown: reply(421, '4.3.2', '%s Service shutting down, try again later', 'RFC 5321 section 3.8'),
  timeout: reply(421, '4.4.2', '%s Timeout, closing connection', 'RFC 5321 section 4.5.3.2'),
  tooManyErrors: reply(421, '4.7.0', '%s Too many errors', 'RFC 5321 section 4.3.2'),
  tooManyMessages: reply(421, '4.7.0', '%s Too many messages in one session', 'RFC 5321 section 4.3.2'),
  notSmtp: reply(421, '4.7.0', '%s This is no HTTP server', 'RFC 5321 section 4.3.2'),
  internalError: reply(451, '4.3.0', 'Internal error, try again later', 'RFC 5321 section 4.2.2'),

  helo: reply(250, null, '%s', 'RFC 5321 section 4.1.1.1'),
  heloSyntax: reply(501, null, 'Expected one host name or address literal', 'RFC 5321 section 4.1.1.1'),
  ok: reply(250, '2.0.0', 'Ok', 'RFC 5321 section 4.1.1.9'),
  bye: reply(221, '2.0.0', 'Bye', 'RFC 5321 section 4.1.1.10'),
  help: reply(214, '2.0.0', 'EHLO HELO STARTTLS AUTH MAIL RCPT DATA RSET NOOP VRFY HELP QUIT', 'RFC 5321 section 4.1.1.8'),
  cannotVerify: reply(252, '2.0.0', 'Cannot verify, send some mail and I will try', 'RFC 5321 section 3.5.3'),
  vrfySyntax: reply(501, '5.5.4', 'Expected an address', 'RFC 5321 section 4.1.1.6'),
  noExpn: reply(502, '5.5.1', 'EXPN not implemented', 'RFC 5321 section 3.5.2'),
  unknownCommand: reply(500, '5.5.1', 'Command not recognised', 'RFC 5321 section 4.2.4'),
  noParameters: reply(501, '5.5.4', 'No parameters allowed', 'RFC 5321 section 4.3.2'),
  bareControl: reply(500, '5.5.2', 'Bare CR or NUL in a command', 'RFC 5321 section 2.3.8'),
  bareLf: reply(500, '5.5.2', 'Bare LF: lines end with CR LF', 'RFC 5321 section 2.3.8'),
  lineTooLong: reply(500, '5.5.2', 'Line too long', 'RFC 5321 section 4.5.3.1.4'),
  notUtf8: reply(500, '5.5.2', 'Command is not valid UTF-8', 'RFC 6531 section 3.3'),

  tlsReady: reply(220, '2.0.0', 'Ready to start TLS', 'RFC 3207 section 4'),
  tlsActive: reply(503, '5.5.1', 'TLS already active', 'RFC 3207 section 4.2'),
  tlsNotOffered: reply(502, '5.5.1', 'STARTTLS not offered here', 'RFC 3207 section 4'),
  tlsRequired: reply(530, '5.7.0', 'Must issue a STARTTLS command first', 'RFC 3207 section 4'),

  authOk: reply(235, '2.7.0', 'Authentication succeeded', 'RFC 4954 section 6'),
  authChallenge: reply(334, null, '%s', 'RFC 4954 section 4'),
  authFailed: reply(535, '5.7.8', 'Authentication credentials invalid', 'RFC 4954 section 6'),
  authForAnother: reply(535, '5.7.8', 'Nobody may act for another here', 'RFC 4954 section 6'),
  authCancelled: reply(501, '5.7.0', 'Authentication cancelled', 'RFC 4954 section 4'),
  authSyntax: reply(501, '5.5.2', 'Cannot decode the response', 'RFC 4954 section 4'),
  authMechanism: reply(504, '5.5.4', 'Mechanism not supported: PLAIN and LOGIN are', 'RFC 4954 section 4'),
  authNeedsTls: reply(538, '5.7.11', 'Encryption required for authentication', 'RFC 4954 section 6'),
  authNotNow: reply(503, '5.5.1', 'AUTH not permitted now', 'RFC 4954 section 4'),
  authThrottled: reply(454, '4.7.0', 'Too many failed authentications, try again later', 'RFC 4954 section 6'),
  authUnavailable: reply(454, '4.7.0', 'Temporary authentication failure', 'RFC 4954 section 6'),
  authLineTooLong: reply(500, '5.5.6', 'Authentication exchange line is too long', 'RFC 4954 section 6'),
  authRequired: reply(530, '5.7.0', 'Authentication required', 'RFC 6409 section 4.3'),

  needHelo: reply(503, '5.5.1', 'Send EHLO first', 'RFC 5321 section 4.1.4'),
  nestedMail: reply(503, '5.5.1', 'Nested MAIL command', 'RFC 5321 section 4.1.4'),
  needMail: reply(503, '5.5.1', 'Need MAIL before this', 'RFC 5321 section 4.1.4'),
  needRcpt: reply(554, '5.5.1', 'No valid recipients', 'RFC 5321 section 4.1.1.4'),
  badSender: reply(501, '5.1.7', '%s', 'RFC 5321 section 4.1.1.2'),
  badRecipient: reply(501, '5.1.3', '%s', 'RFC 5321 section 4.1.1.3'),
  badSenderOctets: reply(553, '5.1.7', 'Path is not valid UTF-8', 'RFC 6531 section 3.3'),
  badRecipientOctets: reply(553, '5.1.3', 'Path is not valid UTF-8', 'RFC 6531 section 3.3'),
  utf8Address: reply(553, '5.6.7', 'SMTPUTF8 is needed for this address', 'RFC 6531 section 3.5'),
  badParameter: reply(501, '5.5.4', '%s', 'RFC 5321 section 4.1.1.11'),
  unknownParameter: reply(555, '5.5.4', 'Parameter not recognised', 'RFC 5321 section 4.1.1.11'),
  spoolUnavailable: reply(451, '4.3.0', 'Mail queue unavailable, try again later', 'RFC 5321 section 4.2.2'),
  spoolFull: reply(452, '4.3.1', 'Insufficient system storage, try again later', 'RFC 5321 section 4.2.2'),
  senderOk: reply(250, '2.1.0', 'Ok', 'RFC 5321 section 4.1.1.2'),

  recipientOk: reply(250, '2.1.5', 'Ok', 'RFC 5321 section 4.1.1.3'),
  tooManyRecipients: reply(452, '4.5.3', 'Too many recipients', 'RFC 5321 section 4.5.3.1.10'),
  mailboxFull: reply(452, '4.2.2', 'Mailbox full', 'RFC 5321 section 4.2.2'),
  unknownRecipient: reply(550, '5.1.1', 'No such mailbox here', 'RFC 5321 section 3.3'),
  relayDenied: reply(550, '5.7.1', 'Relaying denied', 'RFC 5321 section 3.6.2'),
  directoryUnavailable: reply(451, '4.3.0', 'Recipient cannot be checked now, try again later', 'RFC 5321 section 4.2.2'),

  startData: reply(354, null, 'End data with <CR><LF>.<CR><LF>', 'RFC 5321 section 4.1.1.4'),
  queued: reply(250, '2.0.0', 'Ok: queued as %s', 'RFC 5321 section 4.1.1.4'),
  tooBig: reply(552, '5.3.4', 'Message bigger than the limit of %s bytes', 'RFC 1870 section 6'),
  headerTooBig: reply(552, '5.3.4', 'Message header too big', 'RFC 5321 section 4.5.3.1.10'),
  bareNewline: reply(550, '5.6.0', 'Message has a bare CR or LF: lines end with CR LF', 'RFC 5321 section 2.3.8'),
  nulInMessage: reply(550, '5.6.0', 'Message has a NUL', 'RFC 2045 section 2.8'),
} as const satisfies Record<string, ServerReply>;

/** The reply with `details` in place of `%s`: cleaned to one line of ASCII and cut, whatever they hold. */
export function fill(template: ServerReply, ...details: readonly string[]): ServerReply {
  const left = [...details];
  const text = template.text.replaceAll('%s', () => cleanText(left.shift() ?? '').slice(0, MAX_DETAIL));
  return reply(template.code, template.status, text, template.rfc);
}

/** The refusal of a recipient by a rule of the operator, with the rule's status and text: 550, or 450 for `not now` (RFC 5321 section 4.2.3). */
export function ruleReply(status: string, text: string): ServerReply {
  return reply(status.startsWith('4') ? 450 : 550, status, cleanText(text).slice(0, MAX_DETAIL), 'RFC 5321 section 3.6.2');
}

/** The reply with further lines behind the first: the keywords of EHLO (RFC 5321 section 4.2.1). */
export function withLines(first: ServerReply, lines: readonly string[]): ServerReply {
  const all = [first.text, ...lines.map((line) => cleanText(line).slice(0, MAX_DETAIL))];
  const wire = all.map((line, index) => `${first.code}${index === all.length - 1 ? ' ' : '-'}${line}\r\n`).join('');
  return { ...first, wire };
}

function reply(code: number, status: string | null, text: string, rfc: string): ServerReply {
  return { code, status, text, rfc, wire: `${code} ${status === null ? '' : `${status} `}${text}\r\n` };
}
