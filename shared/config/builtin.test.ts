// What is served when nobody configured anything: this machine alone, and nobody is trusted for where he comes from.
import { expect, test } from 'vitest';
import { builtinConfig, DEMO_ACCOUNT } from './builtin.ts';
import { schema } from './schema.ts';

test.each([
  ['the built-in configuration', builtinConfig()],
  ['every default', schema.parse({})],
])('%s listens on loopback only', (_name, { ingress, imap, pop3, health, admin }) => {
  const addresses = [ingress, imap, pop3].flatMap(({ listeners }) => listeners.map(({ address }) => address));
  expect(addresses.length).toBeGreaterThanOrEqual(7);
  expect(new Set([...addresses, health.address, admin.address])).toEqual(new Set(['127.0.0.1']));
});

test.each([
  ['the built-in configuration', builtinConfig()],
  ['every default', schema.parse({})],
])('%s trusts no network', (_name, { ingress }) => {
  expect([ingress.trusted_networks, ...ingress.listeners.map(({ trusted_networks }) => trusted_networks)].flat().filter((each) => each !== undefined)).toEqual(
    [],
  );
});

test('the demo account is of the built-in configuration alone, so it works on loopback only', () => {
  expect(builtinConfig().accounts.map(({ address }) => address)).toEqual([DEMO_ACCOUNT]);
  expect(schema.parse({}).accounts).toEqual([]);
});
