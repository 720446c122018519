// A command line that cannot be understood: told in one line, exit status 2. Everything else that fails is status 1.

export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What the operator can mend: one line, no stack trace. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}
