// The command table (RFC 5321 section 4.1.1), and what is answered to a line that is no command.
import { isHttpVerb } from '#shared/session/http-verb.ts';
import { replies, type ServerReply } from '#shared/smtp/replies.ts';
import { auth } from './auth-command.ts';
import type { Command } from './conversation.ts';
import { data } from './data-command.ts';
import { ehlo, helo } from './helo-command.ts';
import { mail } from './mail-command.ts';
import { rcpt } from './rcpt-command.ts';
import { expn, help, noop, quit, rset, vrfy } from './simple-commands.ts';
import { starttls } from './starttls-command.ts';

const COMMANDS: ReadonlyMap<string, Command> = new Map(
  Object.entries({
    EHLO: ehlo,
    HELO: helo,
    STARTTLS: starttls,
    AUTH: auth,
    MAIL: mail,
    RCPT: rcpt,
    DATA: data,
    RSET: rset,
    NOOP: noop,
    VRFY: vrfy,
    EXPN: expn,
    HELP: help,
    QUIT: quit,
  }),
);

export interface ParsedCommand {
  /** In upper case (RFC 5321 section 2.4). */
  readonly verb: string;
  readonly argument: string;
  readonly command: Command | undefined;
  readonly http: boolean;
}

/** Splits a command line. White space behind the command is ignored (RFC 5321 section 4.1.1). */
export function parseCommand(line: string): ParsedCommand {
  const space = line.indexOf(' ');
  const verb = (space < 0 ? line : line.slice(0, space)).toUpperCase();
  const argument = space < 0 ? '' : line.slice(space + 1).trimEnd();
  return { verb, argument, command: COMMANDS.get(verb), http: isHttpVerb(verb) };
}

/** The text of a line, or null when it is no UTF-8 (RFC 6531 section 3.3). */
export function decodeLine(bytes: Buffer): string | null {
  const text = bytes.toString('utf8');
  // A replacement character is either what the client sent (never fit for an address) or what we could not decode.
  return text.includes('\uFFFD') ? null : text;
}

/** The reply to a line that is no UTF-8: about the path where there is one. */
export function notUtf8Reply(bytes: Buffer): ServerReply {
  const verb = bytes.toString('latin1', 0, 5).toUpperCase();
  if (verb === 'MAIL ') return replies.badSenderOctets;
  return verb === 'RCPT ' ? replies.badRecipientOctets : replies.notUtf8;
}
