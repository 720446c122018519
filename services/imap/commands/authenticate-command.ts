// AUTHENTICATE (RFC 9051 section 6.2.2) with PLAIN and LOGIN, and an initial response (RFC 4959). Nothing of the exchange is logged.
import { type SaslStep, startSasl } from '#shared/session/sasl.ts';
import { MAX_SASL_LINE } from '../limits.ts';
import { bad, type Completion, no } from '../response/completion.ts';
import type { Session } from '../session/session.ts';
import { BEFORE_LOGIN, type Command } from './command.ts';

const WHY_NOT: Readonly<Record<Extract<SaslStep, { kind: 'failed' }>['why'], Completion>> = {
  mechanism: no('There is no such mechanism', 'CANNOT'),
  syntax: bad('This is no response of the mechanism'),
  // RFC 5530 section 3.
  authorization: no('Nobody may act for another here', 'AUTHORIZATIONFAILED'),
  cancelled: bad('Authentication cancelled'),
};

export const authenticate: Command<{ readonly mechanism: string; readonly initial?: string }> = {
  name: 'AUTHENTICATE',
  states: BEFORE_LOGIN,
  parse(args) {
    args.space();
    const mechanism = args.atom();
    if (args.atEnd) return { mechanism };
    args.space();
    return { mechanism, initial: args.rest() };
  },
  async run(session, { mechanism, initial }) {
    if (!session.takesPasswords) return no('Passwords are taken over TLS only', 'PRIVACYREQUIRED');
    let step = startSasl(mechanism, initial);
    while (step.kind === 'challenge') {
      const next: SaslStep | null = await answer(session, step);
      if (!next) return bad('The connection ends');
      step = next;
    }
    return step.kind === 'failed' ? WHY_NOT[step.why] : session.authenticate(step.credentials);
  },
};

/** Null when no answer came. */
async function answer(session: Session, { challenge, next }: Extract<SaslStep, { kind: 'challenge' }>): Promise<SaslStep | null> {
  await session.out.goAhead(challenge);
  const line = await session.reader.line(MAX_SASL_LINE);
  if (line.kind === 'line') return next(line.bytes.toString('latin1'));
  session.bye('Expected a line of base64');
  return null;
}
