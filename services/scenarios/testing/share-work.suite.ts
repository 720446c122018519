// How three processes of each role share S5's work, and S1's through one smarthost: the same tests for a quick run and for all of its messages.
import { describe, expect, test } from 'vitest';
import { recordProof } from './record-proof.ts';
import { PROCESSES, shareWork } from './share-work.ts';

const LOADS = [
  { name: 's5', what: '30 destinations', least: 0.15, judged: ['smtp-ingress', 'router', 'resolver', 'remote-delivery'] },
  // Four partitions over three processes: which one has two of them is chance.
  { name: 's1', what: 'one smarthost', least: 0.05, judged: ['remote-delivery'] },
] as const;

/** `messages` instead of the 10,000 of the load test. */
export function sharesItsWork(messages?: number): void {
  describe.each(LOADS)('$what', ({ name, what, least, judged }) => {
    test('three processes of a role share its work', { timeout: 120_000 }, async () => {
      const { verdict, shares } = await shareWork(name, messages);
      const { acknowledged, lost, duplicated } = verdict;
      const parts = Object.entries(shares).flatMap(([role, each]) => each.map((share, index): [string, number] => [`${role} ${index + 1}`, 100 * share]));
      recordProof('split-shares', { acknowledged, lost, duplicated, ...Object.fromEntries(parts) }, `${name}, ${what}`, PROCESSES);
      expect(verdict).toMatchObject({ lost: 0, duplicated: 0, refused: 0 });
      for (const role of judged) {
        expect(shares[role], role).toHaveLength(PROCESSES);
        expect(Math.min(...(shares[role] ?? [])), role).toBeGreaterThanOrEqual(least);
      }
    });
  });
}
