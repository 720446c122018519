import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeFolder, decodeLevel, encodeFolder } from './folder-name.ts';

test.each([
  ['Sent', 'Sent'],
  ['Work/2024', 'Work.2024'],
  ['Entwürfe', 'Entw&APw-rfe'],
  ['R&D', 'R&ACY-D'],
  ['台北/日本語', '&U,BTFw-.&ZeVnLIqe-'],
  ['a.b', 'a&AC4-b'],
  ['..', '&AC4ALg-'],
  ['-rf', '-rf'],
  ['end ', 'end&ACA-'],
  ['\u001b[2J', '&ABsAWw-2J'],
])('%j is %j', (name, folder) => {
  expect(encodeFolder(name)).toBe(folder);
  expect(decodeFolder(folder)).toBe(name.replaceAll('\u001b', '_'));
});

test.each([
  ['Entw&APw-rfe', 'Entwürfe'],
  ['R&-D', 'R&D'],
  ['Entwürfe', 'Entwürfe'],
  ['&AC8-etc&AC8-passwd', '_etc_passwd'],
  ['a&AAA-b', 'a_b'],
  ['&', '&'],
  ['&A-', '&A-'],
  ['a*b%c', 'a_b_c'],
  ['&2AA-', '\uFFFD'],
])('the folder %j of others is %j', (folder, name) => expect(decodeLevel(folder)).toBe(name));

test('no name of a mailbox leads anywhere, and each that we allow comes back', () => {
  const letters = fc.constantFrom('a', 'Z', '.', '..', '&', '-', '&-', ' ', '~', '\\', ':', 'ü', '日', '😀', '\u202e', '\ufffd', '=', ',');
  const level = fc.array(letters, { minLength: 1, maxLength: 8 }).map((parts) => parts.join(''));
  fc.assert(
    fc.property(fc.array(level, { minLength: 1, maxLength: 3 }), (levels) => {
      const name = levels.join('/');
      const folder = encodeFolder(name);
      expect(folder).toMatch(/^[A-Za-z0-9 _+@,=()&.-]+$/);
      expect(folder.split('.').every(Boolean)).toBe(true);
      expect(decodeFolder(folder)).toBe(name);
    }),
  );
  expect(encodeFolder('x'.repeat(900))).toMatch(/^x{183}-[0-9a-f]{16}$/);
});
