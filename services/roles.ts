// Role name to service. Each is imported only when its role runs here, so a pod loads what it needs and no more.
import type { Role } from '#shared/protocol/topology.ts';
import type { Service } from './host.ts';

const SERVICES: Readonly<Partial<Record<Role, () => Promise<Service>>>> = {
  'smtp-ingress': async () => (await import('./smtp-ingress/service.ts')).startSmtpIngress,
  router: async () => (await import('./router/service.ts')).startRouter,
  resolver: async () => (await import('./resolver/service.ts')).startResolver,
  'remote-delivery': async () => (await import('./remote-delivery/service.ts')).startRemoteDelivery,
  'local-mailbox': async () => (await import('./local-mailbox/service.ts')).startLocalMailbox,
  bounce: async () => (await import('./bounce/service.ts')).startBounce,
  imap: async () => (await import('./imap/service.ts')).startImap,
  pop3: async () => (await import('./pop3/service.ts')).startPop3,
  admin: async () => (await import('./admin/service.ts')).startAdmin,
};

/** The roles that a start without --role plays. */
export const PLAYED = Object.keys(SERVICES) as readonly Role[];

/** The service that plays this role. */
export async function loadService(role: Role): Promise<Service> {
  const load = SERVICES[role];
  if (!load) throw new Error(`no service plays the role ${role}`);
  return load();
}
