// A remote-delivery role on a real Redis and a real spool, with its resolutions given by hand: what the scenarios here share.

import type { ConfigInput } from '#shared/config/schema.ts';
import { createDirectory } from '#shared/directory/config-directory.ts';
import { createResolutionCache, type ResolutionCache } from '#shared/directory/resolution-cache.ts';
import { destinationKey, parseDestinationKey } from '#shared/protocol/destination.ts';
import type { Resolution } from '#shared/protocol/resolution.ts';
import type { QueueId } from '#shared/spool/queue-id.ts';
import type { Recipient } from '#shared/spool/record.ts';
import type { Incoming, NewRecipient } from '#shared/spool/spool.ts';
import { fresh, incoming, startWorld, type World } from '#shared/testing/world.ts';
import { startRemoteDelivery } from '../service.ts';

export interface DeliveryWorld extends AsyncDisposable {
  readonly world: World;
  readonly resolutions: ResolutionCache;
  /** What the router would do for recipients of this destination; the queue id. */
  send(key: string, domain: string, addresses: readonly string[], more?: Sending): Promise<QueueId>;
  /** The recipients that still wait for delivery there, or owe a DSN. */
  recipients(id: QueueId, key: string, count?: number): Promise<readonly Recipient[]>;
  owed(id: QueueId, count?: number): Promise<readonly Recipient[]>;
  done(id: QueueId): Promise<boolean>;
}

export interface Sending {
  readonly content?: Buffer;
  readonly recipient?: Partial<NewRecipient>;
  readonly message?: Partial<Incoming>;
}

export const DNS_KEY = destinationKey({ transport: 'dns', site: 'mx.example.net' }, 0);
export const CONTENT = Buffer.from('Subject: hello\r\n\r\n.A dot and a line.\r\n');

/** A resolution to addresses on loopback, each a host of its own in this order of preference. */
export function hosts(addresses: readonly string[], life = 60_000): Resolution {
  return {
    kind: 'hosts',
    site: 'mx.example.net',
    hosts: addresses.map((address, preference) => ({ name: `mx${preference}.example.net`, preference, addresses: [address] })),
    expiresAt: Date.now() + life,
  };
}

export async function startDelivery(input: ConfigInput = {}): Promise<DeliveryWorld> {
  const world = await startWorld({ config: { hostname: 'relay.example.org', ...input, resolver: { allow_private: true, ...input.resolver } } });
  const resolutions = createResolutionCache(world.system.reader, world.config.redis.prefix, world.clock);
  const directory = createDirectory(() => world.config);
  const unused = {} as never;
  const host = {
    ...world,
    config: () => world.config,
    onReload: () => () => {},
    actors: world.system,
    directory,
    resolutions,
    admission: unused,
    mailstore: unused,
  };
  const service = await startRemoteDelivery(host);
  const { spool } = world;
  return {
    world,
    resolutions,
    send: async (key, domain, addresses, { content = CONTENT, recipient = {}, message: given = {} } = {}) => {
      const message = incoming(spool, given);
      await spool.commit(message, content);
      const transport = parseDestinationKey(key)?.destination.transport ?? 'dns';
      const base = { of: 0, transport, domain, rule: '*', mailbox: { role: 'remote-delivery', key }, ...recipient } as const;
      await spool.expand(
        fresh(message.id),
        addresses.map((address, number) => ({ ...base, number, address })),
        [],
      );
      return message.id;
    },
    recipients: async (id, key, count = 1) => (await spool.read({ id, recipients: upTo(count) }, { role: 'remote-delivery', key }))?.recipients ?? [],
    owed: async (id, count = 1) => (await spool.read({ id, recipients: upTo(count) }, { role: 'bounce' }))?.recipients ?? [],
    done: async (id) => (await world.redis.command('EXISTS', `{${world.config.redis.prefix}:0}:m:${id}`)) === 0,
    [Symbol.asyncDispose]: async () => {
      await service.drain(AbortSignal.timeout(5_000));
      await world.close();
    },
  };
}

function upTo(count: number): readonly number[] {
  return Array.from({ length: count }, (_, number) => number);
}
