// Admission: the only place where new mail is bounded. A tell about an acknowledged message is never refused.

/** Why MAIL is answered 4xx now: replies in shared/smtp/replies.ts. */
export type Refusal =
  /** Redis away or not durable: 451 4.3.0. */
  | { readonly kind: 'unavailable'; readonly why: string }
  /** Memory, disk, queued messages or bytes, or the age of the router's oldest: 452 4.3.1. */
  | { readonly kind: 'full'; readonly why: string };

export interface Admission {
  /** Null when a message of this declared size (bytes; 0 when unknown) may be taken. Synchronous: asked at every MAIL. */
  refusal(size: number): Refusal | null;
}
