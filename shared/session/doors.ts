// The listeners of a service: opened together or not at all, and changed while it runs. Sessions that are open when their listener changes, or goes,
// go on as they began. What can fail: an address that cannot be had; then all is as it was.
import { isDeepStrictEqual } from 'node:util';
import { Door, type DoorAddress, type Entrance } from './door.ts';

export interface DoorsOptions<C, E> {
  /** The path of the configuration that names the addresses: `ingress.listeners`. */
  readonly setting: string;
  /** Throws with one line when a listener cannot be served. */
  readonly make: (config: C) => E;
}

export type Place = { readonly name: string; readonly address: string; readonly port: number };

interface Open<C, E extends Entrance> {
  readonly config: C;
  readonly door: Door<E>;
  readonly place: Place;
}

export class Doors<C extends DoorAddress, E extends Entrance> {
  readonly #options: DoorsOptions<C, E>;
  #open: readonly Open<C, E>[] = [];
  /** Behind no door any more; they have sessions. */
  readonly #left = new Set<E>();
  #changing: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: DoorsOptions<C, E>) {
    this.#options = options;
  }

  get places(): readonly Place[] {
    return this.#open.map(({ place }) => place);
  }

  get entrances(): readonly E[] {
    return this.#open.map(({ door }) => door.entrance);
  }

  /** These listeners, and no others. At the start and at each reload; one change at a time. */
  change(wanted: readonly C[]): Promise<void> {
    const change = this.#changing.then(() => this.#change(wanted));
    this.#changing = change.catch(() => {});
    return change;
  }

  async #change(wanted: readonly C[]): Promise<void> {
    if (this.#closed) return;
    const { make } = this.#options;
    const before = [...this.#open];
    const plan = wanted.map((config) => {
      const old = takeFrom(before, config);
      return { config, old, entrance: old && isDeepStrictEqual(old.config, config) ? old.door.entrance : make(config) };
    });
    const opened = await this.#openNew(plan.filter(({ old }) => !old));
    // Nothing fails from here on.
    this.#open = plan.map(({ config, old, entrance }) => {
      if (!old) return opened.shift() as Open<C, E>;
      if (old.door.entrance !== entrance) this.#leave(old.door.entrance);
      old.door.entrance = entrance;
      return { config, door: old.door, place: { ...old.place, name: entrance.label } };
    });
    for (const { door } of before) {
      door.close();
      this.#leave(door.entrance);
    }
  }

  async #openNew(plan: readonly { readonly config: C; readonly entrance: E }[]): Promise<Open<C, E>[]> {
    const opened: Open<C, E>[] = [];
    try {
      for (const { config, entrance } of plan) {
        const door = new Door(entrance);
        const { address, port } = await door.open(config, this.#options.setting);
        opened.push({ config, door, place: { name: entrance.label, address, port } });
      }
      return opened;
    } catch (error) {
      for (const { door } of opened) door.close();
      await Promise.all(opened.map(({ door }) => door.entrance.drain(AbortSignal.abort())));
      throw error;
    }
  }

  #leave(entrance: E): void {
    this.#left.add(entrance);
    void entrance.empty().then(() => this.#left.delete(entrance));
  }

  /** Takes no more connections, and resolves when the last session has ended; `signal` cuts those that have not. */
  async drain(signal: AbortSignal): Promise<void> {
    await this.#changing;
    this.#closed = true;
    for (const { door } of this.#open) door.close();
    await Promise.all([...this.entrances, ...this.#left].map((entrance) => entrance.drain(signal)));
  }
}

/** Takes the listener of the same address and port, if there is one; several may have port 0. */
function takeFrom<C extends DoorAddress, E extends Entrance>(before: Open<C, E>[], { address, port }: DoorAddress): Open<C, E> | undefined {
  const at = before.findIndex(({ config }) => config.address === address && config.port === port);
  return at < 0 ? undefined : before.splice(at, 1)[0];
}
