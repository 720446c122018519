// AUTH PLAIN and LOGIN (RFC 4954, RFC 4616) with credentials from a file. The secret goes to the socket and nowhere else; the
// caller has made sure that the socket is verified TLS.
import type { Reply } from '#shared/smtp/outcome.ts';
import type { Channel } from './channel.ts';
import type { Capabilities } from './ehlo.ts';

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** Reads `user:password` (the first colon separates; a line end at the end is not part of it), or null when it is not that. */
export function parseCredentials(text: string): Credentials | null {
  const [, user, password] = /^([^:\r\n\0]+):([^\r\n\0]+)\r?\n?$/.exec(text) ?? [];
  return user === undefined || password === undefined ? null : { user, password };
}

/** The last reply (235 is success), or null when the next hop offers neither mechanism. Throws LostError. */
export async function authenticate(channel: Channel, offered: Capabilities, credentials: Credentials, milliseconds: number): Promise<Reply | null> {
  if (offered.auth.has('PLAIN')) {
    const response = base64(`\0${credentials.user}\0${credentials.password}`);
    return channel.command(`AUTH PLAIN ${response}\r\n`, milliseconds, 'AUTH');
  }
  if (!offered.auth.has('LOGIN')) return null;
  let reply = await channel.command('AUTH LOGIN\r\n', milliseconds, 'AUTH');
  for (const secret of [credentials.user, credentials.password]) {
    if (reply.code !== 334) return reply;
    reply = await channel.command(`${base64(secret)}\r\n`, milliseconds, 'AUTH');
  }
  return reply;
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
