// Listeners that change while clients come and go, with an entrance that says which one it is and ends when it is told to.
import { createServer, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { freePort } from '#shared/testing/free-port.ts';
import type { Entrance } from './door.ts';
import { Doors } from './doors.ts';
import { type LineDialogue, openLineDialogue } from './testing/line-dialogue.ts';

interface Config {
  readonly address: string;
  readonly port: number;
  readonly greeting: string;
}

class Greeter implements Entrance {
  readonly label: string;
  readonly #sockets = new Set<Socket>();

  constructor({ greeting }: Config) {
    if (greeting === 'wrong') throw new Error('a greeting that is none');
    this.label = greeting;
  }

  accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {}).on('close', () => this.#sockets.delete(socket));
    socket.on('data', (word) => socket.write(`${this.label} ${word}`));
    socket.write(`${this.label}\r\n`);
  }

  onAcceptError(): void {}

  async empty(): Promise<void> {
    await Promise.all([...this.#sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve))));
  }

  async drain(): Promise<void> {
    for (const socket of this.#sockets) socket.end('bye\r\n').destroySoon();
    await this.empty();
  }
}

const opened: Doors<Config, Greeter>[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((doors) => doors.drain(AbortSignal.abort())));
});

const at = (greeting: string, port = 0): Config => ({ address: '127.0.0.1', port, greeting });

async function open(...configs: readonly Config[]): Promise<Doors<Config, Greeter>> {
  const doors = new Doors({ setting: 'x.listeners', make: (config: Config) => new Greeter(config) });
  opened.push(doors);
  await doors.change(configs);
  return doors;
}

const portOf = (doors: Doors<Config, Greeter>, index = 0) => doors.places[index]?.port ?? 0;
const dial = (port: number): Promise<LineDialogue> => openLineDialogue({ port });

async function blocked(): Promise<{ readonly port: number; close(): void }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1', exclusive: true }, resolve));
  return { port: (server.address() as { port: number }).port, close: () => void server.close() };
}

test('a listener that is the same keeps its entrance; another port is opened, and one that is gone closed', async () => {
  const doors = await open(at('one'), at('two'));
  const [one, two] = [portOf(doors, 0), portOf(doors, 1)];
  const [first] = doors.entrances;
  await using old = await dial(two);
  await old.expect('two');
  await doors.change([at('one'), at('three', await freePort())]);
  expect(doors.entrances[0]).toBe(first);
  expect(portOf(doors, 0)).toBe(one);
  await using new_ = await dial(portOf(doors, 1));
  await new_.expect('three');
  await expect(dial(two)).rejects.toThrow();
  // Whoever was there goes on.
  await old.transcript('C: still\nS: two still');
});

test('a listener that changes behind its port loses nobody: who is there goes on, who comes meets the new one, and no attempt is refused', async () => {
  const doors = await open(at('before'));
  const port = portOf(doors);
  const config = { address: '127.0.0.1', port: 0 };
  await using old = await dial(port);
  await old.expect('before');
  let refused = 0;
  let coming = true;
  const crowd = (async () => {
    while (coming) {
      try {
        await using client = await dial(port);
        await client.line();
      } catch {
        refused++;
      }
    }
  })();
  for (let change = 0; change < 20; change++) {
    await doors.change([{ ...config, greeting: `after ${change}` }]);
    await using client = await dial(port);
    await client.expect(`after ${change}`);
  }
  coming = false;
  await crowd;
  expect(refused).toBe(0);
  await old.transcript('C: still\nS: before still');
  const drained = doors.drain(new AbortController().signal);
  await old.transcript('S: bye\nS: closed');
  await drained;
});

test('what cannot be had changes nothing', async () => {
  const blocker = await blocked();
  const doors = await open(at('one'));
  const port = portOf(doors);
  const free = await freePort();
  await expect(doors.change([at('two'), at('three', free), at('four', blocker.port)])).rejects.toThrow(
    `x.listeners: cannot listen on 127.0.0.1 port ${blocker.port}: EADDRINUSE`,
  );
  await expect(doors.change([at('wrong')])).rejects.toThrow('a greeting that is none');
  await using client = await dial(port);
  await client.expect('one');
  await expect(dial(free)).rejects.toThrow();
  expect(doors.places).toEqual([{ name: 'one', address: '127.0.0.1', port }]);
  blocker.close();
});

test('after the drain nothing is opened any more', async () => {
  const doors = await open(at('one'));
  const port = portOf(doors);
  const free = await freePort();
  await doors.drain(AbortSignal.abort());
  await doors.change([at('two', free)]);
  await expect(dial(port)).rejects.toThrow();
  await expect(dial(free)).rejects.toThrow();
});
