import { pino } from 'pino';
import { expect, test } from 'vitest';
import { builtinConfig } from '#shared/config/builtin.ts';
import type { Config } from '#shared/config/schema.ts';
import type { Role } from '#shared/protocol/topology.ts';
import type { Refusal } from '#shared/spool/admission.ts';
import { systemClock } from '#shared/telemetry/clock.ts';
import { createLogger } from '#shared/telemetry/log.ts';
import { createMetrics } from '#shared/telemetry/metrics.ts';
import type { RunningService, Service } from '../host.ts';
import { loadService } from '../roles.ts';
import type { ProcessHost } from './make-host.ts';
import { startRoles } from './role-process.ts';

const log = createLogger('silent');
const unused = new Proxy({}, { get: () => expect.fail('no store is used here') }) as never;

/** Stores that only count their closing, and a refusal that the test sets. */
function fakeHost() {
  const state = { closed: 0, refusal: null as Refusal | null, config: builtinConfig() };
  const host = {
    config: () => state.config,
    onReload: () => () => {},
    log,
    metrics: createMetrics(),
    clock: systemClock,
    actors: unused,
    spool: unused,
    directory: unused,
    mailstore: unused,
    resolutions: unused,
  };
  const open = async (): Promise<ProcessHost> => ({
    host: { ...host, admission: { refusal: () => state.refusal } },
    replaceConfig: (config: Config) => void Object.assign(state, { config }),
    close: async () => void state.closed++,
  });
  return { state, open };
}

const idle: RunningService = { notReady: () => null, drain: async () => {} };
const loads = (services: Partial<Record<Role, Service>>) => async (role: Role) => services[role] ?? (async () => idle);
const start = (roles: readonly Role[], fake: ReturnType<typeof fakeHost>, services: Partial<Record<Role, Service>> = {}) =>
  startRoles(roles, builtinConfig(), log, fake.open, loads(services));

test('it is ready when every role is; the reasons name the role', async () => {
  const fake = fakeHost();
  let reason: string | null = 'no connection';
  const process = await start(['router', 'bounce'], fake, { router: async () => ({ ...idle, notReady: () => reason }) });
  expect((await process.report(false)).notReady).toEqual(['router: no connection']);
  reason = null;
  expect((await process.report(false)).notReady).toEqual([]);
  await process.drain(AbortSignal.abort());
  expect((await process.report(false)).notReady).toEqual(['draining']);
});

test('a full spool shuts the door and stops no delivery; an unsafe Redis stops both', async () => {
  const fake = fakeHost();
  const [door, inner] = await Promise.all([start(['smtp-ingress'], fake), start(['remote-delivery'], fake)]);
  fake.state.refusal = { kind: 'full', why: 'memory' };
  expect((await door.report(false)).notReady).toEqual(['spool: memory']);
  expect((await inner.report(false)).notReady).toEqual([]);
  fake.state.refusal = { kind: 'unavailable', why: 'Redis is away' };
  expect((await inner.report(false)).notReady).toEqual(['spool: Redis is away']);
  await Promise.all([door.drain(AbortSignal.abort()), inner.drain(AbortSignal.abort())]);
});

test('one role that cannot start drains the others, closes the stores and rejects', async () => {
  const fake = fakeHost();
  let drained = 0;
  const good: Service = async () => ({ ...idle, drain: async () => void drained++ });
  await expect(start(['router', 'bounce'], fake, { router: good, bounce: () => Promise.reject(new Error('port in use')) })).rejects.toThrow('port in use');
  expect([drained, fake.state.closed]).toEqual([1, 1]);
});

test('a service that never finishes draining is given up once patience has ended', async () => {
  const fake = fakeHost();
  const process = await start(['router'], fake, { router: async () => ({ ...idle, drain: () => new Promise(() => {}) }) });
  await process.drain(AbortSignal.abort());
  expect(fake.state.closed).toBe(1);
});

test('counters that alerts look at exist before their first event, for the roles that can have it', async () => {
  const fake = fakeHost();
  const process = await start(['router', 'remote-delivery'], fake);
  const { metrics } = await process.report(true);
  const roles = (name: string) => (metrics.find((metric) => metric.name === name)?.values ?? []).map(({ labels, value }) => [labels['role'], value]);
  for (const name of ['stafette_possibly_sent_total', 'stafette_lease_lost_total', 'stafette_fenced_commits_total'])
    expect(roles(name)).toEqual([['remote-delivery', 0]]);
  for (const name of ['stafette_retried_total', 'stafette_put_back_total'])
    expect(roles(name)).toEqual([
      ['router', 0],
      ['remote-delivery', 0],
    ]);
  expect(roles('stafette_swept_total')).toHaveLength(5);
  await process.drain(AbortSignal.abort());
});

test.each(['router', 'resolver', 'remote-delivery', 'bounce'] as const)('a log line names %s once: the service leaves that to us', async (role) => {
  const { host } = await fakeHost().open();
  const actors = { startPool: async () => idle, startKeyed: async () => idle } as never;
  const lines: string[] = [];
  const toLines = pino({ base: null }, { write: (line) => void lines.push(line) }).child({ role });
  const child = toLines.child.bind(toLines);
  Object.assign(toLines, {
    child(bindings: object) {
      const made = child(bindings);
      made.info('hello');
      return made;
    },
  });
  toLines.info('hello');
  const running = await (await loadService(role))({ ...host, actors, log: toLines });
  await running.drain(AbortSignal.abort());
  for (const line of lines) expect(line.match(/"role":/g)).toHaveLength(1);
});

test('a reload reaches the host', async () => {
  const fake = fakeHost();
  const process = await start(['router'], fake);
  process.configure({ ...builtinConfig(), hostname: 'new' });
  expect(fake.state.config.hostname).toBe('new');
  await process.drain(AbortSignal.abort());
});
