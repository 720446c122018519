// LOGIN (RFC 9051 section 6.2.3): where passwords are taken, over TLS.
import { no } from '../response/completion.ts';
import { BEFORE_LOGIN, type Command } from './command.ts';

export const login: Command<{ readonly user: string; readonly password: string }> = {
  name: 'LOGIN',
  states: BEFORE_LOGIN,
  parse(args) {
    args.space();
    const user = args.astring();
    args.space();
    const password = args.astring();
    args.end();
    return { user, password };
  },
  run(session, credentials) {
    // RFC 5530 section 3, PRIVACYREQUIRED.
    if (!session.takesPasswords) return no('Passwords are taken over TLS only', 'PRIVACYREQUIRED');
    return session.authenticate(credentials);
  },
};
