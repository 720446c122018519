// The bounce role: composes the DSNs that other roles owe. What can fail: starting its pool.
import { decodeWork } from '#shared/spool/work.ts';
import type { Service } from '../host.ts';
import { createBounce } from './bounce-actor.ts';

/** Starts the bounce role. */
export const startBounce: Service = (host) => host.actors.startPool('bounce', () => createBounce(host, decodeWork));
