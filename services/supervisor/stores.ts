// Opens what all roles of a process share and closes it in reverse: directory, mail store, actor system, spool, admission.
import type { Host } from '../host.ts';

export type Stores = Pick<Host, 'actors' | 'spool' | 'admission' | 'directory' | 'mailstore'> & { close(): Promise<void> };

/** Rejects when a store cannot be opened; those opened before it are closed again. */
export async function openStores(_host: Omit<Host, keyof Stores>): Promise<Stores> {
  throw new Error('the actor system and the spool are not wired up yet');
}
