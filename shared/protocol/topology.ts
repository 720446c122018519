// Who may tell whom. The folder name of a role, its queue, its metric label and its Deployment are this one word.
// An illegal tell does not compile: `tell` takes its sender and receiver from this table.

/** Actors whose mailbox is shared: as many instances as there is concurrency. */
export type PoolRole = 'router' | 'local-mailbox' | 'bounce';
/** Actors with one mailbox and at most one committing activation per key. */
export type KeyedRole = 'resolver' | 'remote-delivery';
export type ActorRole = PoolRole | KeyedRole;
/** Every role a process can play. */
export type Role = ActorRole | 'smtp-ingress' | 'imap' | 'pop3' | 'admin';

export const ROLES = [
  'smtp-ingress',
  'router',
  'resolver',
  'remote-delivery',
  'local-mailbox',
  'bounce',
  'imap',
  'pop3',
  'admin',
] as const satisfies readonly Role[];

/** The arrows of the picture in README.md. */
export const topology = {
  'smtp-ingress': ['router'],
  router: ['resolver', 'remote-delivery', 'local-mailbox', 'bounce'],
  resolver: ['remote-delivery', 'bounce'],
  'remote-delivery': ['remote-delivery', 'resolver', 'bounce'],
  'local-mailbox': ['local-mailbox', 'bounce'],
  bounce: ['router', 'bounce'],
  imap: [],
  pop3: [],
  admin: ['router', 'resolver', 'remote-delivery', 'local-mailbox', 'bounce'],
} as const satisfies Record<Role, readonly ActorRole[]>;

/** The roles that `From` may tell. */
export type Receiver<From extends Role> = (typeof topology)[From][number];

/** Where a wake-up goes: a pool by its role, a keyed actor by its role and key. */
export type Mailbox<R extends ActorRole = ActorRole> = R extends KeyedRole ? { readonly role: R; readonly key: string } : { readonly role: R };
