import { expect, test } from 'vitest';
import { formatDate } from './date.ts';

test.each([
  [Date.UTC(2026, 10, 21, 23, 13, 0), 'Sat, 21 Nov 2026 23:13:00 +0000'],
  [Date.UTC(2024, 1, 29, 0, 0, 5, 999), 'Thu, 29 Feb 2024 00:00:05 +0000'],
  [0, 'Thu, 01 Jan 1970 00:00:00 +0000'],
])('%d is %s (RFC 5322 section 3.3)', (milliseconds, text) => expect(formatDate(milliseconds)).toBe(text));
