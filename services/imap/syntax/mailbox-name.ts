// Mailbox names between wire and store: Unicode once the client has enabled it, modified UTF-7 until then. Pure.

import type { ArgumentReader } from './argument-reader.ts';
import { decodeModifiedUtf7, encodeModifiedUtf7 } from './modified-utf7.ts';

/** How this session writes names: `utf-8` after ENABLE IMAP4rev2 or UTF8=ACCEPT (RFC 9051 appendix A, RFC 6855 section 3). */
export type NameForm = 'utf-8' | 'utf-7';

export interface MailboxName {
  readonly name: string;
  /** As the client wrote it, which is not normalized; else null. */
  readonly written: string | null;
}

/** Reads a mailbox name; INBOX in any case is INBOX, and so is the first level of what stands below it. RFC 9051 section 5.1. */
export function readMailbox(args: ArgumentReader, form: NameForm): MailboxName {
  const written = decoded(args.astring(), form);
  const name = written.normalize('NFC');
  return { name: withInbox(name), written: written === name ? null : written };
}

/** Reads a name in which `*` and `%` are wildcards. */
export function readPattern(args: ArgumentReader, form: NameForm): string {
  return withInbox(decoded(args.listPattern(), form).normalize('NFC'));
}

/** The name as this session reads it; response/strings.ts makes a string of it. */
export function mailboxForWire(name: string, form: NameForm): string {
  return form === 'utf-8' ? name : encodeModifiedUtf7(name);
}

/** No mailbox can have it: control characters are refused. */
const NO_NAME = '\u0001';

function decoded(text: string, form: NameForm): string {
  if (form === 'utf-8') return text;
  // Wildcards and the separator are ASCII, which modified UTF-7 leaves alone. What is not well formed is the name of nothing (RFC 3501 section 5.1.3).
  return decodeModifiedUtf7(text) ?? NO_NAME;
}

function withInbox(name: string): string {
  return /^inbox(?=$|\/)/i.test(name) ? `INBOX${name.slice(5)}` : name;
}
