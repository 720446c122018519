// The listeners of IMAP or POP3, with the certificate of the ingress: opened at the start, changed at each reload until the drain.
// What can fail: at the start, an address or a certificate, with one line; at a reload that is logged, and all is as it was.
import type { AccessListenerConfig, Config } from '#shared/config/schema.ts';
import type { Logger } from '#shared/telemetry/log.ts';
import { Doors } from './doors.ts';
import type { SessionServer } from './session-server.ts';
import { loadTlsMaterial, type TlsMaterial } from './tls.ts';

export interface Reloadable {
  config(): Config;
  onReload(listener: (config: Config) => void): () => void;
  readonly log: Logger;
}

type Make = (listener: AccessListenerConfig, tls: TlsMaterial) => SessionServer;

export async function openSessionDoors(host: Reloadable, role: 'imap' | 'pop3', make: Make): Promise<Pick<Doors<never, never>, 'places' | 'drain'>> {
  let tls: TlsMaterial | null = null;
  const doors = new Doors({
    setting: `${role}.listeners`,
    make: (listener: AccessListenerConfig) => make(listener, tls as TlsMaterial),
  });
  const change = async (config: Config) => {
    const { listeners } = config[role];
    // A service without listeners needs no certificate.
    if (listeners.length > 0) tls = await loadTlsMaterial(config.ingress.tls, config.data_dir, 'ingress.tls');
    await doors.change(listeners);
    for (const server of doors.entrances) if (tls) server.reload(tls);
  };
  await change(host.config());
  const reload = async (config: Config) => {
    try {
      await change(config);
      host.log.info({ listeners: doors.places }, 'reloaded');
    } catch (error) {
      host.log.error({ err: error }, `reload: ${role} keeps its listeners and certificate`);
    }
  };
  const unsubscribe = host.onReload((config) => void reload(config));
  const drain = (signal: AbortSignal) => {
    unsubscribe();
    return doors.drain(signal);
  };
  return { places: doors.places, drain };
}
