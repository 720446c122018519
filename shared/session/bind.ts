// Binds a server to its address. Fails with one line that says which setting asked for it, where, and why it cannot be had.
import type { AddressInfo, Server } from 'node:net';

export interface BindAddress {
  readonly address: string;
  readonly port: number;
}

/** Starts to listen; returns where. `setting` is the path of the configuration that names the address. Throws with one line. */
export async function bind(server: Server, { address, port }: BindAddress, setting: string): Promise<AddressInfo> {
  await new Promise<void>((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) => reject(new Error(`${setting}: cannot listen on ${address} port ${port}: ${error.code ?? error.message}`));
    server.once('error', fail);
    // Several processes of one machine share a port (--split); the kernel spreads connections over them.
    server.listen({ host: address, port, reusePort: process.platform === 'linux' }, () => {
      server.off('error', fail);
      resolve();
    });
  });
  return server.address() as AddressInfo;
}
