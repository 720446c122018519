// Which sites have a metric label of their own: the busiest 50, and `other` for the rest, so that metrics stay bounded whatever
// the world's domains are. It owns bounded counts; nothing here fails.

const OTHER = 'other';
/** Sites counted, to find the busiest among them. */
const COUNTED = 1000;
/** Observations between two rankings. */
const RANK_EVERY = 5000;

export class SiteLabels {
  readonly #limit: number;
  readonly #dropped: (site: string) => void;
  readonly #counts = new Map<string, number>();
  #labels = new Set<string>();
  #seen = 0;

  /** `dropped` hears of a site that loses its label, so that its series can be removed. */
  constructor(dropped: (site: string) => void = () => {}, limit = 50) {
    this.#limit = limit;
    this.#dropped = dropped;
  }

  /** The label for so many observations of this site. */
  label(site: string, observations = 1): string {
    this.#count(site, observations);
    if (this.#labels.size < this.#limit) this.#labels.add(site);
    this.#seen += observations;
    if (this.#seen >= RANK_EVERY) this.#rank();
    return this.#labels.has(site) ? site : OTHER;
  }

  #count(site: string, observations: number): void {
    this.#counts.set(site, (this.#counts.get(site) ?? 0) + observations);
    if (this.#counts.size > COUNTED) this.#decay();
  }

  #rank(): void {
    this.#seen = 0;
    const busiest = [...this.#counts].sort((a, b) => b[1] - a[1]).slice(0, this.#limit);
    const next = new Set(busiest.map(([site]) => site));
    for (const site of this.#labels) if (!next.has(site)) this.#dropped(site);
    this.#labels = next;
    this.#decay();
  }

  /** Old traffic fades; sites seen once go. */
  #decay(): void {
    for (const [site, count] of this.#counts) {
      if (count < 2) this.#counts.delete(site);
      else this.#counts.set(site, Math.floor(count / 2));
    }
  }
}
