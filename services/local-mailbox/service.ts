// local-mailbox: starts the actor that files messages into the mail store. Owns nothing else; fails as the actor system fails.
import { decodeWork } from '#shared/spool/work.ts';
import type { Service } from '../host.ts';
import { createLocalMailbox } from './local-mailbox.ts';

/** Takes work from the local-mailbox mailbox until it is drained. */
export const startLocalMailbox: Service = async (host) => {
  const actors = await host.actors.startPool('local-mailbox', () => createLocalMailbox(host, { decodeWork, random: Math.random }));
  return { notReady: () => actors.notReady(), drain: (signal) => actors.drain(signal) };
};
