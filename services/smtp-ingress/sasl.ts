// What SASL responses hold: base64 (RFC 4954 section 4) and the message of PLAIN (RFC 4616). Pure; null for what is neither.

/** Strict base64 with padding (RFC 4648 section 4), or null. */
export function decodeBase64(text: string): Buffer | null {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return null;
  return Buffer.from(text, 'base64');
}

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** `[authzid] NUL authcid NUL passwd`. Acting for another (an authzid that is not the authcid) is allowed to nobody. RFC 4616 section 2. */
export function decodePlain(response: Buffer): Credentials | null {
  const parts = response.toString('utf8').split('\0');
  const [authorization = '', user = '', password = ''] = parts;
  if (parts.length !== 3 || user === '' || password === '') return null;
  return authorization === '' || authorization.toLowerCase() === user.toLowerCase() ? { user, password } : null;
}
