// A load for many destinations: each a domain with an MX of its own, found by DNS from a name server of the test.
import type { ConfigInput } from '#shared/config/schema.ts';
import { type NameServer, startNameServer } from '#shared/testing/name-server.ts';
import type { Sink } from '../../../loadtest/sink.ts';

/** The domain of destination `index`. */
export const domainOf = (index: number): string => `d${index}.load.example`;

export type ManySites = AsyncDisposable & { readonly names: NameServer; readonly config: Pick<ConfigInput, 'routes' | 'resolver'> };

/** A name server that knows every destination of the sink, and the configuration that asks it. */
export async function manySites({ addresses, port }: Sink): Promise<ManySites> {
  const names = await startNameServer();
  for (const [index, address] of addresses.entries()) {
    names.set(domainOf(index), 'MX', [{ preference: 10, exchange: `mx${index}.load.example` }]);
    names.set(`mx${index}.load.example`, 'A', [address]);
  }
  const resolver = { servers: [`${names.host}:${names.port}`], smtp_port: port, allow_private: true };
  return { names, config: { routes: { '*': { transport: 'dns' } }, resolver }, [Symbol.asyncDispose]: () => names.close() };
}
