// What a supervising process and its children tell each other over Node's IPC channel.
import type { ChildProcess } from 'node:child_process';
import type { Registry } from 'prom-client';
import type { Config } from '#shared/config/schema.ts';
import type { RunningService } from '../host.ts';

export type Listeners = NonNullable<RunningService['listeners']>;
export type MetricsJson = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

export type ToChild =
  /** The first one starts the roles, later ones are reloads. The parent has validated it. */
  | { readonly kind: 'configure'; readonly config: Config }
  | { readonly kind: 'report'; readonly request: number; readonly metrics: boolean }
  | { readonly kind: 'drain' }
  | { readonly kind: 'abort' };

export interface Report {
  /** Why this process is not ready; empty when it is. */
  readonly notReady: readonly string[];
  readonly metrics: MetricsJson;
}

export type FromChild =
  | { readonly kind: 'ready'; readonly listeners: Listeners }
  /** The start failed; the lines are the operator's when there are any. */
  | { readonly kind: 'failed'; readonly lines: readonly string[] }
  | ({ readonly kind: 'report'; readonly request: number } & Report);

/** Tells a child; a child that is gone hears nothing, and its exit is seen elsewhere. */
export function tellChild(child: ChildProcess, message: ToChild): void {
  if (child.connected) child.send(message, () => {});
}

/** Tells the parent; resolves when it is handed over (or the parent is gone), so the process may exit. */
export function tellParent(message: FromChild): Promise<void> {
  return new Promise((resolve) => (process.connected && process.send ? process.send(message, undefined, undefined, () => resolve()) : resolve()));
}
