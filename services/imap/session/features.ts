// What a client has enabled (RFC 9051 section 6.3.1): it changes what we may send. Owns the set; once enabled is enabled for the session.
import type { NameForm } from '../syntax/mailbox-name.ts';

export const ENABLEABLE = ['CONDSTORE', 'QRESYNC', 'UTF8=ACCEPT', 'IMAP4REV2'] as const;
export type Feature = (typeof ENABLEABLE)[number];

export class Features {
  readonly #enabled = new Set<Feature>();
  readonly #onCondstore: () => void;

  /** `onCondstore`: called when CONDSTORE becomes enabled. */
  constructor(onCondstore: () => void) {
    this.#onCondstore = onCondstore;
  }

  /** True when it was not enabled before. QRESYNC brings CONDSTORE with it (RFC 7162 section 3.2.3). */
  enable(feature: Feature): boolean {
    if (this.#enabled.has(feature)) return false;
    const before = this.condstore;
    this.#enabled.add(feature);
    if (feature === 'QRESYNC') this.#enabled.add('CONDSTORE');
    if (this.condstore && !before) this.#onCondstore();
    return true;
  }

  /** FETCH responses carry MODSEQ. RFC 7162 section 3.1. */
  get condstore(): boolean {
    return this.#enabled.has('CONDSTORE');
  }

  /** VANISHED instead of EXPUNGE. RFC 7162 section 3.2.10. */
  get qresync(): boolean {
    return this.#enabled.has('QRESYNC');
  }

  /** No RECENT and no \Recent; ESEARCH for SEARCH. RFC 9051 appendix E. */
  get rev2(): boolean {
    return this.#enabled.has('IMAP4REV2');
  }

  /** Quoted strings and mailbox names may hold UTF-8. RFC 6855 section 3, RFC 9051 section 4.3. */
  get utf8(): boolean {
    return this.utf8Accept || this.rev2;
  }

  /** The client has said that all its strings are UTF-8. RFC 6855 section 3; IMAP4rev2 has CHARSET still. */
  get utf8Accept(): boolean {
    return this.#enabled.has('UTF8=ACCEPT');
  }

  get nameForm(): NameForm {
    return this.utf8 ? 'utf-8' : 'utf-7';
  }
}
