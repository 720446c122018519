// By which names the admin API may be called: a browser that a foreign name has led here (DNS rebinding) is refused. Pure.
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import type { Config } from '#shared/config/schema.ts';

/** Whether a Host header names this listener: localhost, our host names, or the very address that was connected to. */
export function namesUs(host: string | undefined, localAddress: string | undefined, { admin, hostname: configured }: Config): boolean {
  const name = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::\d{1,5})?$/.exec(host ?? '');
  const called = (name?.[1] ?? name?.[2] ?? '').toLowerCase().replace(/\.$/, '');
  if (called === '') return false;
  if (isIP(called)) return called === plain(localAddress) || called === admin.address || admin.names.includes(called);
  return ['localhost', hostname(), ...(configured === undefined ? [] : [configured]), admin.address, ...admin.names].some(
    (own) => own.toLowerCase() === called,
  );
}

/** An IPv4 client of a dual-stack socket is seen as `::ffff:127.0.0.1`. */
function plain(address = ''): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '');
}
