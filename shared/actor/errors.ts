// What can go wrong between us and Redis. Different causes have different types: ingress answers them differently.

/** Redis is away, answers late, or cannot promise durability. */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError';
}

/** Redis has no memory, or its disk no room, for more. */
export class StoreFullError extends Error {
  override readonly name = 'StoreFullError';
}

/** The connection broke under a command that must not be repeated: whether it ran is not known. */
export class UnknownFateError extends Error {
  override readonly name = 'UnknownFateError';
}

/** Redis took none of the transaction, because it refused these of its commands (by position) when they were queued. */
export class TransactionAborted extends Error {
  override readonly name = 'TransactionAborted';
  readonly refusals: readonly (Error | undefined)[];
  constructor(message: string, refusals: readonly (Error | undefined)[]) {
    super(message);
    this.refusals = refusals;
  }
}

const PASSING = /^(READONLY|LOADING|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|MOVED|ASK|NOREPLICAS|NOSCRIPT|UNBLOCKED|UNKILLABLE|BUSY|EXECABORT)\b/;
const FULL = /^(OOM|MISCONF)\b/;
const LOST =
  /Connection is closed|max retries per request|ECONNRESET|ECONNREFUSED|EPIPE|ETIMEDOUT|Command timed out|Stream isn't writeable|write after end|ENOENT|Connection in subscriber mode|All sentinels are unreachable|None of startup nodes|Failed to refresh slots|Too many Cluster redirections/i;

/** `retry`: the same may succeed on another connection or a moment later. `full`: no room. `bug`: neither. */
export function classify(error: Error): 'retry' | 'full' | 'bug' {
  const text = error.message;
  if (FULL.test(text)) return 'full';
  if (error instanceof StoreUnavailableError || PASSING.test(text) || LOST.test(text) || 'code' in error) return 'retry';
  return 'bug';
}
