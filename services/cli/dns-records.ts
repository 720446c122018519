// `dns-records DOMAIN`: the DNS records that a domain of ours should have; with --autoconfig the settings that MUAs read.
import { hostname } from 'node:os';
import { autoconfigXml } from '#shared/discovery/autoconfig.ts';
import { dnsRecords, zoneLines } from '#shared/discovery/dns-records.ts';
import { canonicalDomain } from '#shared/mail/address.ts';
import type { CommandLine } from './arguments.ts';
import type { Output } from './commands.ts';
import { configurationOf } from './configuration.ts';
import { CommandError, UsageError } from './usage-error.ts';

export function printDnsRecords({ words, options }: CommandLine, output: Output): number {
  const [asked, ...others] = words.slice(1);
  if (asked === undefined || others.length > 0) throw new UsageError('dns-records: expected one domain');
  const config = configurationOf(options, process.env);
  const domain = canonicalDomain(asked.replace(/\.$/, ''));
  const ours = Object.keys(config.domains).map(canonicalDomain);
  if (!ours.includes(domain))
    throw new CommandError(`dns-records: ${asked} is not among the domains of the configuration (${ours.join(', ') || 'there are none'})`);
  if (options.autoconfig) {
    const xml = autoconfigXml(config, domain);
    if (!output.json({ domain, xml })) output.write(Buffer.from(xml));
    return 0;
  }
  const exchanger = config.hostname ?? hostname();
  const records = dnsRecords(config, domain, exchanger);
  if (output.json({ domain, records })) return 0;
  for (const line of zoneLines(records)) output.print(line);
  if (!exchanger.includes('.')) output.print(`; ${exchanger} is no name that others can resolve: set hostname to the public one`);
  output.print(`; ${exchanger} needs an A or AAAA record, and its addresses a PTR record that names it: many refuse mail without`);
  return 0;
}
