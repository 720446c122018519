// Every reply that the POP3 server gives: status, response code (RFC 2449 section 8), text and where it comes from. No reply text is made
// elsewhere. Owns the wire form: whatever is filled in is cleaned here, so a reply can never make an extra line.
import { cleanText } from '#shared/mail/header.ts';

export interface Reply {
  readonly ok: boolean;
  readonly text: string;
  /** The client's own mistake: too many end the session. */
  readonly fault: boolean;
}

export const replies = {
  greeting: ok('%s Stafette POP3 ready'),
  bye: ok('Bye'),
  capabilities: ok('Capability list follows'),
  startTls: ok('Begin TLS negotiation'),
  user: ok('Send PASS'),
  loggedIn: ok('%s messages (%s octets)'),
  status: ok('%s %s'),
  scan: ok('%s messages (%s octets)'),
  scanOne: ok('%s %s'),
  uniqueIds: ok('Unique-ids follow'),
  uniqueId: ok('%s %s'),
  message: ok('%s octets'),
  top: ok('Top of message follows'),
  deleted: ok('Message %s deleted'),
  reset: ok('%s messages (%s octets)'),
  utf8: ok('UTF-8 enabled'),
  languages: ok('Language listing follows'),
  language: ok('%s In English'),
  done: ok('Done'),

  unknownCommand: fault('Command not recognised'),
  syntax: fault('Wrong arguments for this command'),
  notNow: fault('Command not allowed now'),
  malformed: fault('Bare CR or NUL in a command'),
  notUtf8: fault('Command is not valid UTF-8'),
  lineTooLong: fault('Line too long'),
  bareLf: fault('Bare LF: lines end with CR LF'),
  tooManyErrors: err('Too many errors'),
  notPop3: err('This is no HTTP server'),
  tooManyConnections: err('[SYS/TEMP] Too many connections, try again later'),
  tooManyFromClient: err('[SYS/TEMP] Too many connections from you, try again later'),
  shuttingDown: err('[SYS/TEMP] Service shutting down, try again later'),
  internalError: err('[SYS/TEMP] Internal error, try again later'),

  tlsActive: fault('TLS already active'),
  tlsNotOffered: fault('STLS not offered here'),
  tlsAfterUtf8: fault('STLS comes before UTF8'),
  authNeedsTls: fault('Send STLS first: passwords travel over TLS only'),
  mechanism: fault('Mechanism not supported: PLAIN and LOGIN are'),
  authSyntax: fault('Cannot decode the response'),
  authForAnother: err('[AUTH] Nobody may act for another here'),
  authCancelled: err('Authentication cancelled'),
  // RFC 3206 section 4: what is wrong with the credentials, and what is not.
  authFailed: err('[AUTH] Invalid credentials'),
  authThrottled: err('[SYS/TEMP] Too many failed authentications, try again later'),
  authUnavailable: err('[SYS/TEMP] Authentication cannot be checked now, try again later'),
  // RFC 2449 section 8.1.2
  inUse: err('[IN-USE] Mailbox is open in another session'),
  storeUnavailable: err('[SYS/TEMP] Mailbox cannot be read now, try again later'),
  mailboxGone: err('[SYS/PERM] Mailbox was removed'),
  contentMissing: err('[SYS/PERM] Message cannot be read, the postmaster must look at it'),
  notRemoved: err('[SYS/TEMP] Deleted messages not removed, try again later'),
  noSuchMessage: err('No such message'),
  messageGone: err('Message was removed by another session'),
  noLanguage: err('Language not supported'),
} as const satisfies Record<string, Reply>;

/** The reply with `details` in place of `%s`, cleaned to one line of ASCII. */
export function fill(template: Reply, ...details: readonly (string | number)[]): Reply {
  const left = [...details];
  return { ...template, text: template.text.replaceAll('%s', () => cleanText(String(left.shift() ?? ''))) };
}

/** What is sent, CR LF included. RFC 1939 section 3. */
export function wire({ ok: positive, text }: Reply): string {
  return `${positive ? '+OK' : '-ERR'} ${text}\r\n`;
}

function ok(text: string): Reply {
  return { ok: true, text, fault: false };
}

function err(text: string): Reply {
  return { ok: false, text, fault: false };
}

function fault(text: string): Reply {
  return { ok: false, text, fault: true };
}
