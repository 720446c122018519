// How a connection ends otherwise than by QUIT, and how replies and losses become outcomes with an RFC 3463 status.
import type { AttemptFacts, Delayed, Failed, Reply } from '#shared/smtp/outcome.ts';

/** Why nothing more comes from a connection. */
export interface Loss {
  readonly reason: 'connect' | 'closed' | 'timeout' | 'garbage' | 'aborted';
  /** RFC 3463 status, class 4. */
  readonly status: string;
  /** One line for people, without the host's name. */
  readonly diagnostic: string;
}

/** Thrown by the steps that open a connection; it never leaves the SMTP client. */
export class LostError extends Error {
  override readonly name = 'LostError';
  readonly loss: Loss;
  constructor(loss: Loss) {
    super(loss.diagnostic);
    this.loss = loss;
  }
}

export const losses = {
  connect: (why: string): Loss => ({ reason: 'connect', status: '4.4.1', diagnostic: `could not connect: ${why}` }),
  closed: (why = 'closed by the other side'): Loss => ({ reason: 'closed', status: '4.4.2', diagnostic: `connection lost: ${why}` }),
  timeout: (during: string): Loss => ({ reason: 'timeout', status: '4.4.2', diagnostic: `timed out during ${during}` }),
  garbage: (what: string): Loss => ({ reason: 'garbage', status: '4.5.0', diagnostic: `protocol error: it sent ${what}` }),
  aborted: (why: string): Loss => ({ reason: 'aborted', status: '4.3.2', diagnostic: `given up by us: ${why}` }),
} as const;

/** `mx.example.net[192.0.2.1]`, for diagnostics. */
export function peerName(facts: AttemptFacts): string {
  return facts.address === undefined || facts.address === facts.host ? (facts.host ?? 'the next hop') : `${facts.host}[${facts.address}]`;
}

export function lossOutcome(facts: AttemptFacts, loss: Loss, scope: Delayed['scope'], inDoubt = false): Delayed {
  return {
    kind: 'delayed',
    scope,
    status: loss.status,
    diagnostic: `${peerName(facts)}: ${loss.diagnostic}`,
    ...factsOf(facts),
    ...(inDoubt ? { inDoubt } : {}),
  };
}

/** A reply that is no success: 4yz is delayed, the rest failed (RFC 5321 section 4.2.1). */
export function replyOutcome(facts: AttemptFacts, reply: Reply, scope: Delayed['scope'], during: string): Delayed | Failed {
  const diagnostic = `${peerName(facts)} said: ${replyText(reply)} (in reply to ${during})`;
  const rest = { ...factsOf(facts), reply, diagnostic };
  return reply.code >= 500 ? { kind: 'failed', status: statusOf(reply, 5), ...rest } : { kind: 'delayed', scope, status: statusOf(reply, 4), ...rest };
}

/** Whatever class the reply has, it is no last word: delayed, and the reply as it was said. */
export function laterOutcome(facts: AttemptFacts, reply: Reply, scope: Delayed['scope'], during: string): Delayed {
  const outcome = replyOutcome(facts, reply, scope, during);
  return { ...outcome, kind: 'delayed', scope, status: `4${outcome.status.slice(1)}` };
}

/** The reply on one line, as people read it. */
export function replyText(reply: Reply): string {
  return [String(reply.code), reply.enhanced, ...reply.lines].filter(Boolean).join(' ').slice(0, 1000);
}

/** The enhanced code when it agrees with the class, else the class alone (RFC 3463 section 3.1). */
function statusOf(reply: Reply, cls: 4 | 5): string {
  return `${cls}${reply.enhanced?.slice(1) ?? '.0.0'}`;
}

function factsOf({ host, address, tls }: AttemptFacts): AttemptFacts {
  return { ...(host === undefined ? {} : { host }), ...(address === undefined ? {} : { address }), ...(tls ? { tls } : {}) };
}
