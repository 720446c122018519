// The listeners of a service, with the certificate of the ingress: opened at the start, changed at each reload until the drain.
// What can fail: at the start, an address or a certificate, with one line; at a reload that is logged, and all is as it was.
import type { Config } from '#shared/config/schema.ts';
import type { Logger } from '#shared/telemetry/log.ts';
import type { DoorAddress, Entrance } from './door.ts';
import { Doors } from './doors.ts';
import { loadTlsMaterial, type TlsMaterial } from './tls.ts';

export interface Reloadable {
  config(): Config;
  onReload(listener: (config: Config) => void): () => void;
  readonly log: Logger;
}

type ListenerConfig = DoorAddress & { readonly tls: string };

/** Null where listeners may do without a certificate, and all do. */
type TlsOf<C extends ListenerConfig> = 'none' extends C['tls'] ? TlsMaterial | null : TlsMaterial;

export interface ListeningService<C extends ListenerConfig> {
  /** As the log names it. */
  readonly role: string;
  /** The path of the configuration that names the listeners: `imap.listeners`. */
  readonly setting: string;
  readonly listeners: (config: Config) => readonly C[];
  /** Throws with one line when a listener cannot be served. */
  readonly make: (listener: C, tls: TlsOf<C>) => Entrance & { reload(tls: TlsOf<C>): void };
  /** What stays as it is when a reload fails. */
  readonly keeps: string;
}

/** Opens all listeners of the configuration in force, or none. */
export async function openDoors<C extends ListenerConfig>(host: Reloadable, service: ListeningService<C>): Promise<Pick<Doors<C, never>, 'places' | 'drain'>> {
  const { role, setting, listeners, make, keeps } = service;
  let tls: TlsMaterial | null = null;
  const doors = new Doors({ setting, make: (listener: C) => make(listener, tls as TlsOf<C>) });
  const change = async (config: Config) => {
    const wanted = listeners(config);
    tls = wanted.some((listener) => listener.tls !== 'none') ? await loadTlsMaterial(config.ingress.tls, config.data_dir, 'ingress.tls') : null;
    await doors.change(wanted);
  };
  await change(host.config());
  /** For what comes; open sessions go on. */
  const reload = async (config: Config) => {
    try {
      await change(config);
      for (const entrance of doors.entrances) entrance.reload(tls as TlsOf<C>);
      host.log.info({ listeners: doors.places }, 'reloaded');
    } catch (error) {
      host.log.error({ err: error }, `reload: ${role} keeps its ${keeps}`);
    }
  };
  const unsubscribe = host.onReload((config) => void reload(config));
  const drain = (signal: AbortSignal) => {
    unsubscribe();
    return doors.drain(signal);
  };
  return { places: doors.places, drain };
}
