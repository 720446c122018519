// What deploys us knows every role, and is configured as the loader accepts: k8s/base, compose.yaml, the scrape configuration.
import { readdirSync, readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { parseConfig } from '#shared/config/load.ts';
import { ROLES } from '#shared/protocol/topology.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const BASE = 'k8s/base';

type Manifest = { readonly kind: string; readonly metadata: { readonly name: string }; readonly spec: never };
type Container = { name: string; args: string[]; ports?: { name: string; containerPort: number }[] } & Record<string, { httpGet: { port: string } }>;

const read = (path: string) => readFileSync(resolve(ROOT, path), 'utf8');
const documents = (path: string) => parseAllDocuments(read(path), { merge: true }).map((document) => document.toJS() as Manifest);
const oneOf = (path: string, kind: string) => documents(path).find((document) => document.kind === kind)?.spec as unknown as Record<string, unknown>;
const podOf = (path: string) => (oneOf(path, 'Deployment')['template'] as { spec: { containers: Container[]; terminationGracePeriodSeconds: number } }).spec;
const kubernetes = parseConfig(read(`${BASE}/stafette.yaml`), 'stafette.yaml');
const common = podOf(`${BASE}/every-pod.yaml`);

describe('k8s/base', () => {
  test.each(ROLES)('%s has its Deployment, started with its role, and a label that selects it', (role) => {
    const deployment = documents(`${BASE}/${role}.yaml`).find(({ kind }) => kind === 'Deployment');
    expect(deployment).toMatchObject({
      metadata: { name: role },
      spec: { selector: { matchLabels: { 'app.kubernetes.io/name': role } }, template: { metadata: { labels: { 'app.kubernetes.io/name': role } } } },
    });
    expect(podOf(`${BASE}/${role}.yaml`).containers).toMatchObject([
      { name: common.containers[0]?.name, args: ['--config', '/etc/stafette/stafette.yaml', '--role', role] },
    ]);
  });

  test('the kustomization holds every file', () => {
    const { resources, patches, configMapGenerator } = parse(read(`${BASE}/kustomization.yaml`)) as {
      resources: string[];
      patches: { path: string }[];
      configMapGenerator: { name: string; files: string[] }[];
    };
    const named = [...resources, ...patches.map(({ path }) => path), ...configMapGenerator.flatMap(({ files }) => files), 'kustomization.yaml'];
    expect(named.toSorted()).toEqual(readdirSync(resolve(ROOT, BASE)).toSorted());
  });

  test('probes ask the health port', () => {
    const [container] = common.containers;
    expect(container?.ports).toEqual([{ name: 'health', containerPort: kubernetes.health.port }]);
    for (const probe of ['livenessProbe', 'readinessProbe']) expect(container?.[probe]?.httpGet.port).toBe('health');
    expect(kubernetes.health.address).toBe('0.0.0.0');
  });

  test.each([
    ['smtp-ingress', kubernetes.ingress.listeners, [25, 587, 465]],
    ['imap', kubernetes.imap.listeners, [143, 993]],
    ['pop3', kubernetes.pop3.listeners, [110, 995]],
  ] as const)('every listener of %s has its port, and the Service leads to it', (role, listeners, open) => {
    const ports = podOf(`${BASE}/${role}.yaml`).containers[0]?.ports ?? [];
    expect(ports.map(({ containerPort }) => containerPort)).toEqual(listeners.map(({ port }) => port));
    const service = oneOf(`${BASE}/${role}.yaml`, 'Service')['ports'] as { port: number; targetPort: string }[];
    expect(service.map(({ targetPort }) => targetPort)).toEqual(ports.map(({ name }) => name));
    expect(service.map(({ port }) => port)).toEqual(open);
  });

  test('a pod is given more time to end than it takes to drain', () => {
    const preStop = 5_000;
    expect(common.terminationGracePeriodSeconds * 1000).toBeGreaterThanOrEqual(kubernetes.drain_timeout + preStop + 5_000);
  });

  test('pods keep to the restricted profile and hold no token of the cluster', () => {
    expect(common).toMatchObject({
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [{ securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } } }],
    });
  });

  test('files that the configuration names are mounted', () => {
    const projected = JSON.stringify(common);
    for (const file of [kubernetes.redis.password_file, kubernetes.ingress.tls.certificate, kubernetes.ingress.tls.key, kubernetes.admin.token_file])
      expect(projected).toContain(`"path":"${basename(file ?? '')}"`);
  });
});

describe('compose.yaml', () => {
  const compose = parse(read('deploy/compose.yaml'), { merge: true }) as {
    services: Record<string, { command: string[]; image: string; stop_grace_period: string; read_only: boolean }>;
  };
  const config = parseConfig(read('deploy/stafette.yaml'), 'stafette.yaml');

  test.each(ROLES)('%s has its service', (role) => {
    expect(compose.services[role]).toMatchObject({ image: 'stafette', read_only: true, command: ['--config', '/etc/stafette/stafette.yaml', '--role', role] });
    expect(Number.parseInt(compose.services[role]?.stop_grace_period ?? '0', 10) * 1000).toBeGreaterThan(config.drain_timeout + 5_000);
  });

  test('its Redis can promise what a 250 says', () => {
    const command = compose.services['redis']?.command.join(' ') ?? '';
    for (const setting of ['appendonly yes', 'appendfsync always', 'no-appendfsync-on-rewrite no', 'maxmemory-policy noeviction', 'maxmemory 1gb'])
      expect(command).toContain(`--${setting}`);
  });

  test('every role is scraped', () => {
    const { scrape_configs } = parse(read('deploy/prometheus/prometheus.yml')) as { scrape_configs: { dns_sd_configs: { names: string[]; port: number }[] }[] };
    const [found] = scrape_configs[0]?.dns_sd_configs ?? [];
    expect(found?.names.toSorted()).toEqual(ROLES.toSorted());
    expect(found?.port).toBe(config.health.port);
  });
});

test('the image is built from what is there, without what only tests need', () => {
  const copied = [...read('deploy/Dockerfile').matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, sources = '']) => sources.split(' '));
  const ignore = read('.dockerignore').split('\n');
  for (const source of copied) {
    expect(readdirSync(ROOT)).toContain(source);
    expect(ignore).toContain(`!${source}`);
  }
});
