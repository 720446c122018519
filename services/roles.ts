// Role name to service. Each is imported only when its role runs here, so a pod loads what it needs and no more.
import type { Role } from '#shared/protocol/topology.ts';
import type { Service } from './host.ts';

const SERVICES: Readonly<Record<Role, () => Promise<Service>>> = {
  'smtp-ingress': async () => (await import('./smtp-ingress/service.ts')).startSmtpIngress,
  router: async () => (await import('./router/service.ts')).startRouter,
  resolver: async () => (await import('./resolver/service.ts')).startResolver,
  'remote-delivery': async () => (await import('./remote-delivery/service.ts')).startRemoteDelivery,
  'local-mailbox': async () => (await import('./local-mailbox/service.ts')).startLocalMailbox,
  bounce: async () => (await import('./bounce/service.ts')).startBounce,
  admin: async () => (await import('./admin/service.ts')).startAdmin,
};

/** The service that plays this role. */
export function loadService(role: Role): Promise<Service> {
  return SERVICES[role]();
}
