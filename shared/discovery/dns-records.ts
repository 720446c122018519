// The DNS records that a domain of ours should have: mail exchanger, SPF, and where MUAs find their servers. Pure; the text is zone file syntax.
import type { Config } from '#shared/config/schema.ts';
import { canonicalDomain } from '#shared/mail/address.ts';
import { type ClientService, clientHostname, clientServices } from './client-services.ts';

export interface DnsRecord {
  /** Absolute, with its final dot. */
  readonly name: string;
  readonly type: 'MX' | 'TXT' | 'SRV' | 'CNAME';
  readonly data: string;
  /** Why, or what to mind. */
  readonly comment?: string;
}

/** The records for this domain. `exchanger` is our name as a mail exchanger. */
export function dnsRecords(config: Config, domain: string, exchanger: string): readonly DnsRecord[] {
  const name = absolute(domain);
  const clients = absolute(clientHostname(config));
  return [
    { name, type: 'MX', data: `10 ${absolute(exchanger)}` },
    spf(config, name),
    ...clientServices(config).map((service) => srv(service, name, clients)),
    // Where Thunderbird and others look for the settings, by https and http.
    { name: `autoconfig.${name}`, type: 'CNAME', data: clients, comment: 'and route /mail/config-v1.1.xml there to the health port' },
  ];
}

/** RFC 7208 section 3 and 5: who may send mail of the domain. A suggestion: what else sends it, only the operator knows. */
function spf({ routes }: Config, name: string): DnsRecord {
  const byUs = (routes['*'] ?? { transport: 'dns' }).transport === 'dns';
  if (byUs) return { name, type: 'TXT', data: '"v=spf1 mx ~all"', comment: 'a suggestion: add whoever else sends mail of the domain; -all once all are known' };
  return { name, type: 'TXT', data: '"v=spf1 mx ~all"', comment: 'a suggestion: mail leaves by a smarthost, so add the include: that its operator names' };
}

/** Lower is preferred: IMAP before POP3 (RFC 6186 section 3.3), implicit TLS before STARTTLS (RFC 8314 section 3). */
const PRIORITY: Readonly<Record<ClientService['name'], number>> = { submissions: 0, submission: 10, imaps: 0, imap: 10, pop3s: 20, pop3: 30 };

/** RFC 2782; the target "." says that there is no such service (RFC 6186 section 3.4). */
function srv({ name: service, port, served, loopbackOnly }: ClientService, domain: string, host: string): DnsRecord {
  const name = `_${service}._tcp.${domain}`;
  if (!served) return { name, type: 'SRV', data: '0 0 0 .', comment: 'not served' };
  const data = `${PRIORITY[service]} 1 ${port} ${host}`;
  return loopbackOnly ? { name, type: 'SRV', data, comment: 'listens on loopback only: not reachable as configured' } : { name, type: 'SRV', data };
}

/** As lines of a zone file, in columns. */
export function zoneLines(records: readonly DnsRecord[]): readonly string[] {
  const width = Math.max(0, ...records.map(({ name }) => name.length));
  return records.map(({ name, type, data, comment }) => {
    const record = `${name.padEnd(width)} IN ${type.padEnd(5)} ${data}`;
    return comment === undefined ? record : `${record} ; ${comment}`;
  });
}

function absolute(domain: string): string {
  return `${canonicalDomain(domain).replace(/\.$/, '')}.`;
}
