// What README.md shows can be typed: its configuration is accepted. And the index of decisions is whole.
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseConfig } from '#shared/config/load.ts';

const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

test('the configuration in README.md is accepted', () => {
  const [, example = ''] = /```yaml\n(.*?)```/s.exec(README) ?? [];
  expect(parseConfig(example, 'README.md')).toMatchObject({ hostname: 'mail.example.org', domains: { 'example.org': {} } });
});

test('the index of decisions names every one of them', () => {
  const folder = new URL('../../docs/decisions/', import.meta.url);
  const named = [...readFileSync(new URL('README.md', folder), 'utf8').matchAll(/^\| \[([a-z-]+\.md)\]\(\1\)/gm)].map(([, file]) => file);
  const decisions = readdirSync(folder).filter((file) => file.endsWith('.md') && file !== 'README.md');
  expect(named.toSorted()).toEqual(decisions.toSorted());
});
