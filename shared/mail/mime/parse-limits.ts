// Limits of the MIME parser, each with its reason. What is beyond one is left out or stays undivided content, and the result says so.

export interface ParseLimits {
  /** Levels of parts, the message being the first. */
  readonly depth: number;
  /** Parts in all, those of nested messages too. What follows the last is part of its body. */
  readonly parts: number;
  /** Octets of one header block that are looked at. */
  readonly header: number;
  /** Parameters of one field. */
  readonly params: number;
  /** Addresses of one field, group marks included. */
  readonly addresses: number;
  /** Characters of one text of the structure or envelope: subject, description, a parameter. */
  readonly value: number;
  /** Characters of all texts in structure and envelopes together. */
  readonly structure: number;
  /** Characters of header fields kept for HEADER.FIELDS. */
  readonly fields: number;
  /** Characters of search text, of body and header each. */
  readonly text: number;
}

export const DEFAULT_LIMITS: ParseLimits = {
  depth: 100, // Dovecot: 100 nested MIME parts
  parts: 10_000, // Dovecot: 10,000 MIME parts
  header: 256 * 1024, // as at the ingress (shared/mail/header.ts)
  params: 100,
  addresses: 2000,
  value: 4096, // over four lines of the longest kind (RFC 5322 section 2.1.1)
  structure: 1024 * 1024,
  fields: 8192,
  text: 256 * 1024, // as many words as a book of 150 pages; PostgreSQL's tsvector ends at 1 MB
};

/** All but the search text: bodies are looked through for their parts alone. */
export const WITHOUT_TEXT: ParseLimits = { ...DEFAULT_LIMITS, text: 0 };
