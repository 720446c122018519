// What an operator can mend: told in one clear line each and exit status 1, never with a stack trace.
import { ConfigError } from '#shared/config/load.ts';
import type { Config } from '#shared/config/schema.ts';

export class OperatorError extends Error {
  override readonly name = 'OperatorError';
}

/** The lines to print when this error is the operator's to mend, or null when it is a bug and the stack matters. */
export function operatorLines(error: unknown, config?: Config): readonly string[] | null {
  if (error instanceof ConfigError) return error.lines;
  if (error instanceof OperatorError) return [error.message];
  const { code, port, address, hostname } = error as { code?: string; port?: number; address?: string; hostname?: string };
  const named = hostname !== undefined && config ? keyOfAddress(config, hostname) : undefined;
  if (named) return [`${named} is ${JSON.stringify(hostname)}: no such host (${code}): expected an address of this machine`];
  if (port === undefined || address === undefined) return null;
  const key = config && keyOf(config, address, port);
  const change = key ? `change ${key}` : 'change the configuration';
  if (code === 'EADDRINUSE') return [`port ${port} on ${address} is in use (${key ?? 'a listener'}): stop what listens there, or ${change}`];
  if (code === 'EACCES')
    return [`port ${port} on ${address} may not be opened by this user (${key ?? 'a listener'}): ${change} to 1024 or above, or grant CAP_NET_BIND_SERVICE`];
  if (code === 'EADDRNOTAVAIL') return [`${address} is no address of this machine (port ${port}, ${key ?? 'a listener'}): ${change}`];
  return null;
}

/** Which setting asked for this port. */
function keyOf(config: Config, address: string, port: number): string | undefined {
  const servers = serversOf(config);
  return (servers.find((server) => server.port === port && server.address === address) ?? servers.find((server) => server.port === port))?.key;
}

/** Which setting has this address. */
function keyOfAddress(config: Config, address: string): string | undefined {
  return serversOf(config)
    .find((server) => server.address === address)
    ?.key.replace(/port$/, 'address');
}

function serversOf(config: Config): readonly { readonly key: string; readonly address: string; readonly port: number }[] {
  return [
    ...config.ingress.listeners.map((listener, index) => ({ key: `ingress.listeners[${index}].port`, ...listener })),
    ...(['imap', 'pop3'] as const).flatMap((role) =>
      config[role].listeners.map((listener, index) => ({ key: `${role}.listeners[${index}].port`, ...listener })),
    ),
    { key: 'health.port', ...config.health },
    { key: 'admin.port', ...config.admin },
  ];
}
