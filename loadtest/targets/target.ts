// What the load test needs of a mail relay under test: start it, find its processes, stop it.

/** Where the relay must send mail. */
export interface Destinations {
  readonly port: number;
  /** One address: everything goes there as to a smarthost. Several: domain `d<n>.load.example` has address n. */
  readonly addresses: readonly string[];
}

export interface TargetOptions {
  /** A directory of its own, on the disk under test; the target keeps everything in it. */
  readonly directory: string;
  readonly destinations: Destinations;
  /** Settings of a scenario, in the target's own terms; each target reads its part. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Processes of each role, for a target that can be split. */
  readonly split?: number;
}

export interface Target {
  readonly name: string;
  readonly version: string;
  /** Where it takes mail. */
  readonly port: number;
  /** Process ids at the root of its process trees. */
  roots(): readonly number[];
  /** The mark in its processes' environment, when it passes one on. */
  readonly mark?: string;
  /** Text of its metrics page, when it has one. */
  metrics?(): Promise<string>;
  /** Ends all its processes. */
  stop(): Promise<void>;
}

export type StartTarget = (options: TargetOptions) => Promise<Target>;
