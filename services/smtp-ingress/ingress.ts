// What all SMTP sessions of this process share: the host, the counts, and the settings derived from the configuration in force.
import { hostname } from 'node:os';
import type { Config } from '#shared/config/schema.ts';
import { Authenticator } from '#shared/session/authenticator.ts';
import { ConnectionCounts } from '#shared/session/connection-counts.ts';
import type { ServerReply } from '#shared/smtp/replies.ts';
import type { Host } from '../host.ts';

/** What smtp-ingress uses of the host. It tells the router through the spool's commit, so it needs no actors. */
export type IngressHost = Pick<Host, 'config' | 'onReload' | 'log' | 'metrics' | 'clock' | 'spool' | 'admission' | 'directory'>;

export class Ingress {
  readonly host: IngressHost;
  readonly connections = new ConnectionCounts();
  readonly authenticator: Authenticator;
  /** Takes nothing new. */
  draining = false;
  /** Messages whose commit is under way: their 250 is owed even when the client has left. */
  readonly commits = new Set<Promise<unknown>>();
  readonly #replies = new Map<number, { inc(): void }>();

  constructor(host: IngressHost) {
    this.host = host;
    this.authenticator = new Authenticator({ directory: host.directory, clock: host.clock, log: host.log, limits: () => this.limits });
  }

  get limits(): Config['ingress']['limits'] {
    return this.host.config().ingress.limits;
  }

  /** Our name in greeting, EHLO and Received (RFC 5321 section 4.1.1.1). */
  get hostname(): string {
    return this.host.config().hostname ?? hostname();
  }

  countReply(reply: ServerReply): void {
    let counter = this.#replies.get(reply.code);
    if (!counter) {
      counter = this.host.metrics.ingressReplies.labels({ code: String(reply.code) });
      this.#replies.set(reply.code, counter);
    }
    counter.inc();
  }
}
