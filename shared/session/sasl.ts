// The SASL exchanges that SMTP, IMAP and POP3 offer: PLAIN (RFC 4616) and LOGIN, as steps that know no protocol. Pure; what comes from the
// client is a line of base64 each time, and nothing that it can send throws.

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** Where an exchange stands. `failed` ends it: no such mechanism, no decodable response, a wish to act for another, or the client's `*`. */
export type SaslStep =
  | { readonly kind: 'challenge'; readonly challenge: string; readonly next: (line: string) => SaslStep }
  | { readonly kind: 'credentials'; readonly credentials: Credentials }
  | { readonly kind: 'failed'; readonly why: 'mechanism' | 'syntax' | 'authorization' | 'cancelled' };

/** As every protocol names them to its clients. */
export const SASL_MECHANISMS = ['PLAIN', 'LOGIN'] as const;

/** `Username:` and `Password:` in base64, the challenges every client of LOGIN expects. */
const USERNAME = 'VXNlcm5hbWU6';
const PASSWORD = 'UGFzc3dvcmQ6';

const SYNTAX: SaslStep = { kind: 'failed', why: 'syntax' };

/** Begins an exchange. With an initial response the first challenge is left out; `=` is an empty one. RFC 4954 section 4. */
export function startSasl(mechanism: string, initial?: string): SaslStep {
  switch (mechanism.toUpperCase()) {
    case 'PLAIN':
      return begin('', plain, initial);
    case 'LOGIN':
      return begin(USERNAME, login, initial);
    default:
      return { kind: 'failed', why: 'mechanism' };
  }
}

type Take = (response: Buffer) => SaslStep;

function begin(challenge: string, take: Take, initial: string | undefined): SaslStep {
  if (initial === undefined) return ask(challenge, take);
  return initial === '=' ? take(Buffer.alloc(0)) : decoded(initial, take);
}

function ask(challenge: string, take: Take): SaslStep {
  return { kind: 'challenge', challenge, next: (line) => (line === '*' ? { kind: 'failed', why: 'cancelled' } : decoded(line, take)) };
}

function decoded(line: string, take: Take): SaslStep {
  const response = decodeBase64(line);
  return response ? take(response) : SYNTAX;
}

function plain(response: Buffer): SaslStep {
  const decoded = decodePlain(response);
  if (!decoded) return SYNTAX;
  const { authorization, ...credentials } = decoded;
  // Acting for another is allowed to nobody.
  const own = authorization === '' || authorization.toLowerCase() === credentials.user.toLowerCase();
  return own ? { kind: 'credentials', credentials } : { kind: 'failed', why: 'authorization' };
}

function login(user: Buffer): SaslStep {
  return ask(PASSWORD, (password) => ({ kind: 'credentials', credentials: { user: user.toString('utf8'), password: password.toString('utf8') } }));
}

/** Strict base64 with padding (RFC 4648 section 4), or null. */
export function decodeBase64(text: string): Buffer | null {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return null;
  return Buffer.from(text, 'base64');
}

/** `[authzid] NUL authcid NUL passwd`, or null. RFC 4616 section 2. */
export function decodePlain(response: Buffer): (Credentials & { readonly authorization: string }) | null {
  const parts = response.toString('utf8').split('\0');
  const [authorization = '', user = '', password = ''] = parts;
  if (parts.length !== 3 || user === '' || password === '') return null;
  return { authorization, user, password };
}
