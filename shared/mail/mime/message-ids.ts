// Message ids in Message-ID, References and In-Reply-To (RFC 5322 section 3.6.4), read leniently. Pure.

/** Ids kept of one References field: the first, which names the thread, and the last of the rest. */
const MOST = 100;

/** The ids in an unfolded field, without angle brackets, quoting and white space (RFC 5256 section 3: normalised for comparison). */
export function messageIds(text: string | undefined): string[] {
  const ids: string[] = [];
  for (const match of (text ?? '').matchAll(/<([^<>]+)>/g)) {
    const id = normalised(match[1] ?? '');
    if (id !== '') ids.push(id);
  }
  return ids.length <= MOST ? ids : [...ids.slice(0, 1), ...ids.slice(1 - MOST)];
}

function normalised(id: string): string {
  const plain = id.replace(/\s+/g, '');
  const quoted = /^"((?:[^"\\]|\\.)*)"(@.*)$/.exec(plain);
  return quoted ? (quoted[1] ?? '').replace(/\\(.)/g, '$1') + (quoted[2] ?? '') : plain;
}
