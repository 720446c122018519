// What we say we can do, by state: no word stands here that does not work (RFC 9051 section 7.2.2). Pure.
import { SASL_MECHANISMS } from '#shared/session/sasl.ts';

const ALWAYS = ['IMAP4rev1', 'IMAP4rev2', 'LITERAL-', 'SASL-IR', 'ID', 'ENABLE'];

const LOGGED_IN = [
  'IDLE',
  'NAMESPACE',
  'CHILDREN',
  'SPECIAL-USE',
  'CREATE-SPECIAL-USE',
  'LIST-EXTENDED',
  'LIST-STATUS',
  'STATUS=SIZE',
  'OBJECTID',
  'QUOTA',
  'QUOTA=RES-STORAGE',
  'QUOTA=RES-MESSAGE',
  'UIDPLUS',
  'MULTIAPPEND',
  'MOVE',
  'UNSELECT',
  'ESEARCH',
  'SEARCHRES',
  'SORT',
  'THREAD=REFERENCES',
  'BINARY',
  'CONDSTORE',
  'QRESYNC',
  'UTF8=ACCEPT',
];

export interface CapabilityFacts {
  readonly authenticated: boolean;
  /** STARTTLS can be given now. */
  readonly startTls: boolean;
  /** Passwords are taken now: over TLS, or where the operator takes them in clear. */
  readonly passwords: boolean;
  /** Octets that a message may have. */
  readonly appendLimit: number;
}

/** Capability names, in the order in which they are sent. */
export function capabilities({ authenticated, startTls, passwords, appendLimit }: CapabilityFacts): readonly string[] {
  if (authenticated) return [...ALWAYS, ...LOGGED_IN, `APPENDLIMIT=${appendLimit}`];
  const login = passwords ? SASL_MECHANISMS.map((mechanism) => `AUTH=${mechanism}`) : ['LOGINDISABLED'];
  return [...ALWAYS, ...(startTls ? ['STARTTLS'] : []), ...login];
}
