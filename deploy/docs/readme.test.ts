// What README.md shows can be typed: its configuration is accepted.
import { readFileSync } from 'node:fs';
import { parseConfig } from '#shared/config/load.ts';
import { expect, test } from 'vitest';

const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

test('the configuration in README.md is accepted', () => {
  const [, example = ''] = /```yaml\n(.*?)```/s.exec(README) ?? [];
  expect(parseConfig(example, 'README.md')).toMatchObject({ hostname: 'mail.example.org', domains: { 'example.org': {} } });
});
