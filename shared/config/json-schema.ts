// The JSON Schema of the configuration file, for editors: generated from schema.ts, never written by hand.
// `node shared/config/json-schema.ts` writes docs/stafette.schema.json again.
import { writeFileSync } from 'node:fs';
import { z } from 'zod';
import { schema } from './schema.ts';

export const JSON_SCHEMA_FILE = new URL('../../docs/stafette.schema.json', import.meta.url);

/** The text of docs/stafette.schema.json. */
export function jsonSchema(): string {
  const generated = z.toJSONSchema(schema, { io: 'input' });
  return `${JSON.stringify({ title: 'Stafette configuration', ...generated }, null, 2)}\n`;
}

if (import.meta.main) writeFileSync(JSON_SCHEMA_FILE, jsonSchema());
