// Which process plays which role.
import type { Role } from '#shared/protocol/topology.ts';
import { PLAYED } from '../roles.ts';
import type { StartOptions } from './arguments.ts';

export interface ChildPlan {
  /** For logs and /readyz: `smtp-ingress`, or `router-2` where there are several. */
  readonly name: string;
  readonly role: Role;
}

export interface ProcessPlan {
  /** Roles of this process. */
  readonly local: readonly Role[];
  readonly children: readonly ChildPlan[];
}

/** All-in-one takes a second process for the ingress where there is a second core: SMTP sessions then never wait for deliveries. */
export function planProcesses(mode: StartOptions['mode'], cores: number): ProcessPlan {
  if (mode.kind === 'split') return { local: [], children: PLAYED.flatMap((role) => copiesOf(role, mode.copies)) };
  if (mode.kind !== 'all-in-one') return { local: mode.roles, children: [] };
  if (cores < 2) return { local: PLAYED, children: [] };
  return { local: PLAYED.filter((role) => role !== 'smtp-ingress'), children: [{ name: 'smtp-ingress', role: 'smtp-ingress' }] };
}

function copiesOf(role: Role, copies: number): readonly ChildPlan[] {
  // The admin API has a port of its own, and no work to share.
  if (copies === 1 || role === 'admin') return [{ name: role, role }];
  return Array.from({ length: copies }, (_, index) => ({ name: `${role}-${index + 1}`, role }));
}
