import { expect, test } from 'vitest';
import { builtinConfig } from '#shared/config/builtin.ts';
import { parseConfig } from '#shared/config/load.ts';
import { banner } from './banner.ts';

const listeners = [
  { name: 'smtp', address: '127.0.0.1', port: 2525 },
  { name: 'submissions', address: '127.0.0.1', port: 2465 },
  { name: 'admin', address: '127.0.0.1', port: 8081 },
];
const health = { address: '127.0.0.1', port: 8080 };

test('it says what listens where, where the data lie, and how to send and trace a first message', () => {
  const config = { ...builtinConfig(), data_dir: '/srv/data' };
  const demo = { address: 'demo@localhost', password: 'secret', file: null };
  expect(banner({ config, file: null, listeners, health, redis: { pid: 7, adopted: true }, demo, took: 1234 })).toBe(`
Stafette is ready (1.2 s)

  SMTP                     127.0.0.1:2525
  submission, TLS at once  127.0.0.1:2465
  admin API                127.0.0.1:8081
  health and metrics       http://127.0.0.1:8080/readyz http://127.0.0.1:8080/metrics
  data                     /srv/data
  queue                    embedded Redis, process 7 (found running, adopted)
  demo account             demo@localhost, password secret (shown this once)

Send a first message (it answers with its queue id), and see what became of it:

  printf 'From: <you@example.org>\\r\\nTo: <demo@localhost>\\r\\nSubject: Hello\\r\\n\\r\\nFirst message.\\r\\n' | curl -sv smtp://127.0.0.1:2525 --mail-from you@example.org --mail-rcpt demo@localhost -T - 2>&1 | grep queued
  npx stafette trace demo@localhost

`);
});

test('a password stands there only when it was made just now, and a Redis password never', () => {
  const config = parseConfig('redis: { url: "redis://user:secret@redis:6379" }', 'c.yaml');
  const text = banner({ config, file: null, listeners, health, redis: null, demo: { address: 'a@b', password: null, file: '/srv/demo-password' }, took: 0 });
  expect(text).toContain('Redis at redis://***@redis:6379');
  expect(text).toContain('a@b, password in /srv/demo-password');
  expect(text).not.toContain('secret');
});

test('the wildcard address is reached on loopback, and IPv6 stands in brackets', () => {
  const config = parseConfig('{ domains: { example.org: {} }, accounts: [{ address: a@example.org }] }', 'c.yaml');
  const open = [{ name: 'smtp', address: '0.0.0.0', port: 25 }];
  expect(banner({ config, file: null, listeners: open, health: { address: '::1', port: 1 }, redis: null, demo: null, took: 0 })).toMatch(
    /smtp:\/\/127\.0\.0\.1:25 .*--mail-rcpt a@example\.org[\s\S]*/,
  );
  expect(banner({ config, file: null, listeners: open, health: { address: '::1', port: 1 }, redis: null, demo: null, took: 0 })).toContain(
    'http://[::1]:1/readyz',
  );
});

test('the trace command names the configuration in force, as a shell reads it; what several processes serve stands there once', () => {
  const config = parseConfig('{ domains: { example.org: {} }, accounts: [{ address: a@example.org }] }', 'c.yaml');
  const text = (file: string) => banner({ config, file, listeners: [...listeners, ...listeners], health, redis: null, demo: null, took: 0 });
  expect(text('/etc/stafette.yaml')).toContain('  npx stafette trace a@example.org --config /etc/stafette.yaml\n');
  expect(text("it's mine.yaml")).toContain(`--config 'it'\\''s mine.yaml'\n`);
  expect(text('x').match(/submission, TLS at once/g)).toHaveLength(1);
});
