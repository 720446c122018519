// Starts the listeners of a service together. Fails when one of them does, and then none is left open.
import type { AddressInfo } from 'node:net';

export interface Startable {
  /** Of the start banner. */
  readonly label: string;
  start(): Promise<AddressInfo>;
  drain(signal: AbortSignal): Promise<void>;
}

/** Starts all, in order, or none: throws the error of the one that could not. */
export async function startAll(servers: readonly Startable[]): Promise<readonly { readonly name: string; readonly address: string; readonly port: number }[]> {
  const started = [];
  try {
    for (const server of servers) {
      const { address, port } = await server.start();
      started.push({ name: server.label, address, port });
    }
    return started;
  } catch (error) {
    await Promise.all(servers.slice(0, started.length).map((server) => server.drain(AbortSignal.abort())));
    throw error;
  }
}
