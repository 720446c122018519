import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type TempDir, tempDir } from '#shared/testing/temp-dir.ts';
import { KEYWORDS_FILE, openKeywords } from './maildir-keywords.ts';

let folder: TempDir;
beforeEach(async () => {
  folder = await tempDir('keywords');
  mkdirSync(join(folder.path, 'tmp'));
});
afterEach(() => folder.remove());

test('a keyword keeps its letter from run to run, in any case; the file names it', async () => {
  const letters = await openKeywords(folder.path);
  expect(await letters([])).toBe('');
  expect(await letters(['$Label1', 'Work'])).toBe('ab');
  const later = await openKeywords(folder.path);
  expect(await later(['Another', 'work'])).toBe('bc');
  expect(readFileSync(join(folder.path, KEYWORDS_FILE), 'utf8')).toBe('0 $Label1\n1 Work\n2 Another\n');
});

test('26 keywords fit, and no more', async () => {
  const letters = await openKeywords(folder.path);
  const many = Array.from({ length: 30 }, (_, index) => `k${index}`);
  expect(await letters(many)).toBe('abcdefghijklmnopqrstuvwxyz');
  expect(await letters(['k29', 'k0'])).toBe('a');
});
