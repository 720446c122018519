import { expect, test } from 'vitest';
import { wantsDsn } from './notify.ts';

test.each([
  [undefined, 'failure', true],
  [undefined, 'delay', true],
  [undefined, 'success', false],
  [['never'], 'failure', false],
  [['never'], 'delay', false],
  [['success'], 'failure', false],
  [['success'], 'success', true],
  [['failure', 'delay'], 'delay', true],
  [['failure'], 'delay', false],
] as const)('NOTIFY %j and a %s: %s (RFC 3461 section 4.1)', (notify, event, wanted) => expect(wantsDsn(notify, event)).toBe(wanted));
