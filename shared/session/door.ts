// One listening socket, and the entrance to which it shows its clients in. The entrance may be exchanged while the socket listens, so a changed
// listener loses nobody who is on the way. Fails to open with one line: the setting that asked for it, where, and why it cannot be had.
import { type AddressInfo, createServer, type Socket } from 'node:net';

export interface DoorAddress {
  readonly address: string;
  readonly port: number;
}

/** What clients meet behind a door: a protocol, with its sessions. */
export interface Entrance {
  /** Of the start banner, logs and metrics. */
  readonly label: string;
  accept(socket: Socket): void;
  /** The system gives us no more connections. */
  onAcceptError(error: Error): void;
  /** Resolves when no session is left. */
  empty(): Promise<void>;
  /** Tells the sessions to end, and resolves when they have; `signal` cuts those that have not. */
  drain(signal: AbortSignal): Promise<void>;
}

export class Door<E extends Entrance> {
  entrance: E;
  // A client may say all it has to say and close its side: it still gets its replies.
  readonly #server = createServer({ allowHalfOpen: true }, (socket) => this.entrance.accept(socket));

  constructor(entrance: E) {
    this.entrance = entrance;
  }

  async open({ address, port }: DoorAddress, setting: string): Promise<AddressInfo> {
    await new Promise<void>((resolve, reject) => {
      const fail = (error: NodeJS.ErrnoException) => reject(new Error(`${setting}: cannot listen on ${address} port ${port}: ${error.code ?? error.message}`));
      this.#server.once('error', fail);
      // Several processes of one machine share a port (--split); the kernel spreads connections over them.
      this.#server.listen({ host: address, port, reusePort: process.platform === 'linux' }, () => {
        this.#server.off('error', fail).on('error', (error) => this.entrance.onAcceptError(error));
        resolve();
      });
    });
    return this.#server.address() as AddressInfo;
  }

  /** Lets nobody in any more; who is in stays. */
  close(): void {
    this.#server.close();
  }
}
