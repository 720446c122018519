import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { JSON_SCHEMA_FILE, jsonSchema } from './json-schema.ts';

test('docs/stafette.schema.json is what the schema generates', () => expect(readFileSync(JSON_SCHEMA_FILE, 'utf8')).toBe(jsonSchema()));
