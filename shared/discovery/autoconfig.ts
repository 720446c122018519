// Thunderbird's autoconfiguration (clientConfig 1.1), which K-9, Evolution, KMail and others read, too: which servers a domain of ours has.
// No secrets in it, and nothing of any account. Pure; one serialiser writes all of the XML, so nothing put in can be more than text.
import type { Config } from '#shared/config/schema.ts';
import { canonicalDomain, domainOf } from '#shared/mail/address.ts';
import { type ClientService, clientHostname, clientServices } from './client-services.ts';

export const AUTOCONFIG_TYPE = 'text/xml; charset=utf-8';
const PATHS: ReadonlySet<string> = new Set(['/.well-known/autoconfig/mail/config-v1.1.xml', '/mail/config-v1.1.xml']);

/**
 * The answer to a request for this path with query, sent to this host: XML; null when the path is one of autoconfiguration but the domain none
 * of ours; undefined for any other path. The domain is that of `emailaddress`, else that of the host.
 */
export function autoconfigAnswer(config: Config, target: string, host: string | undefined): string | null | undefined {
  const [path = '', query = ''] = target.split('?', 2);
  if (!PATHS.has(path)) return undefined;
  const address = new URLSearchParams(query).get('emailaddress');
  const asked = address === null ? hostDomain(host ?? '') : domainOf(address);
  const domain = Object.keys(config.domains).find((ours) => canonicalDomain(ours) === asked);
  return domain === undefined ? null : autoconfigXml(config, canonicalDomain(domain));
}

/** `autoconfig.example.org:443` is asked about example.org. */
function hostDomain(host: string): string {
  return canonicalDomain(host.replace(/:\d+$/, '')).replace(/^autoconfig\./, '');
}

/** The settings for accounts of this domain. */
export function autoconfigXml(config: Config, domain: string): string {
  const served = clientServices(config).filter((service) => service.served);
  const host = canonicalDomain(clientHostname(config));
  const servers = [...served.filter((service) => !isSubmission(service)), ...served.filter(isSubmission)].map((service) => server(service, host));
  const provider = element('emailProvider', { id: domain }, [
    element('domain', {}, domain),
    element('displayName', {}, domain),
    element('displayShortName', {}, domain),
    ...servers,
  ]);
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element('clientConfig', { version: '1.1' }, [provider])}`;
}

const isSubmission = ({ name }: ClientService) => name.startsWith('submission');

function server(service: ClientService, host: string): string {
  const implicit = service.name.endsWith('s');
  const type = isSubmission(service) ? 'smtp' : service.name.slice(0, 4);
  return element(isSubmission(service) ? 'outgoingServer' : 'incomingServer', { type }, [
    element('hostname', {}, host),
    element('port', {}, String(service.port)),
    element('socketType', {}, implicit ? 'SSL' : 'STARTTLS'),
    // Within TLS: the word means no more than that the password itself is sent.
    element('authentication', {}, 'password-cleartext'),
    element('username', {}, '%EMAILADDRESS%'),
  ]);
}

/** Text is escaped; a list holds elements, which are indented. */
function element(name: string, attributes: Readonly<Record<string, string>>, content: string | readonly string[]): string {
  const start = `<${name}${Object.entries(attributes)
    .map(([key, value]) => ` ${key}="${escaped(value)}"`)
    .join('')}>`;
  if (typeof content === 'string') return `${start}${escaped(content)}</${name}>\n`;
  return `${start}\n${content.join('').replace(/^(?=.)/gm, '  ')}</${name}>\n`;
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** XML 1.0 section 2.2 and 2.4: no markup, and no character that XML cannot hold. */
function escaped(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\uFFFD').replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}
