// Dates of header fields (RFC 5322 section 3.3), always in UTC: one clock to read over all hops.

/** `Sat, 21 Nov 2026 23:13:00 +0000` from milliseconds since the epoch. RFC 5322 section 3.3. */
export function formatDate(milliseconds: number): string {
  return new Date(milliseconds).toUTCString().replace('GMT', '+0000');
}
