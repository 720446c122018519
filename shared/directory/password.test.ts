import { expect, test } from 'vitest';
import { hashPassword, verifyPassword } from './password.ts';

test('a password verifies against its own hash and no other', async () => {
  const [first, second] = await Promise.all([hashPassword('pä$$wörd'), hashPassword('pä$$wörd')]);
  expect(first).toMatch(/^\$scrypt\$16384\$8\$1\$[\w-]{22}\$[\w-]{43}$/);
  expect(first).not.toBe(second);
  expect(await verifyPassword('pä$$wörd', first)).toBe(true);
  expect(await verifyPassword('pa\u0308$$wo\u0308rd', first)).toBe(true);
  expect(await verifyPassword('pä$$word', first)).toBe(false);
});

test('a hash made elsewhere verifies (the vector of RFC 7914 section 12)', async () => {
  const hash = '7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887';
  const stored = `$scrypt$16384$8$1$${Buffer.from('SodiumChloride').toString('base64url')}$${Buffer.from(hash, 'hex').toString('base64url')}`;
  expect(await verifyPassword('pleaseletmein', stored)).toBe(true);
  expect(await verifyPassword('pleaseletmeinn', stored)).toBe(false);
});

test.each([
  undefined,
  '',
  'plain',
  '$scrypt$16384$8$1$AAAAAAAAAAAAAAAAAAAAAA$',
  '$scrypt$16383$8$1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  '$scrypt$0$8$1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  '$scrypt$16384$0$1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  '$scrypt$67108864$8$1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  '$scrypt$16384$8$999$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
])('%j verifies nothing, after as much work', async (hash) => expect(await verifyPassword('', hash)).toBe(false));

test('an unknown account costs a login as much as a known one', async () => {
  const hash = await hashPassword('secret');
  const time = async (stored: string | undefined) => {
    const started = process.cpuUsage();
    await verifyPassword('wrong', stored);
    return process.cpuUsage(started).user;
  };
  expect(await time(undefined)).toBeGreaterThan((await time(hash)) / 4);
});
