// AUTH (RFC 5034 section 4) with PLAIN and LOGIN, with and without an initial response. Nothing of the exchange is logged.
import { startSasl } from '#shared/session/sasl.ts';
import { parseArguments } from '../arguments.ts';
import type { Command } from '../conversation.ts';
import { replies } from '../replies.ts';

const FAILED = { mechanism: replies.mechanism, syntax: replies.authSyntax, authorization: replies.authForAnother, cancelled: replies.authCancelled } as const;

export const auth: Command = {
  states: ['AUTHORIZATION'],
  async run(conversation, argument) {
    conversation.user = null;
    if (!conversation.passwordsAllowed) return replies.authNeedsTls;
    const [mechanism, initial] = parseArguments(argument, 2) ?? [];
    if (mechanism === undefined) return replies.syntax;
    let step = startSasl(mechanism, initial);
    while (step.kind === 'challenge') {
      const line = await conversation.challenge(step.challenge);
      if (line === null) return null;
      step = step.next(line);
    }
    return step.kind === 'failed' ? FAILED[step.why] : conversation.logIn(step.credentials);
  },
};
