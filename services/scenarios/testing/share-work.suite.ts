// How three processes of each role share S5's work, and S1's through one smarthost: the same tests for a quick run and for all of its messages.
import { describe, expect, test } from 'vitest';
import { recordProof } from './record-proof.ts';
import { PROCESSES, shareWork } from './share-work.ts';

/**
 * The least share of a role's process. A resolver's messages are the few that came before their domain was known: domains are shared evenly, but the
 * first to start has those that waited least. Of a smarthost's four partitions one process of three has two.
 */
const LOADS = [
  { name: 's5', what: '30 destinations', least: { 'smtp-ingress': 0.15, router: 0.15, resolver: 0.05, 'remote-delivery': 0.15 } },
  { name: 's1', what: 'one smarthost', least: { 'remote-delivery': 0.05 } },
] as const;

/** `messages` instead of the 10,000 of the load test. */
export function sharesItsWork(messages?: number): void {
  describe.each(LOADS)('$what', ({ name, what, least }) => {
    test('three processes of a role share its work', { timeout: 120_000 }, async () => {
      const { sent, verdict, shares } = await shareWork(name, messages);
      const { acknowledged, lost, duplicated } = verdict;
      const parts = Object.entries(shares).flatMap(([role, each]) => each.map((share, index): [string, number] => [`${role} ${index + 1}`, 100 * share]));
      recordProof('split-shares', { acknowledged, lost, duplicated, ...Object.fromEntries(parts) }, `${name}, ${what}`, PROCESSES);
      expect(verdict).toMatchObject({ acknowledged: sent, lost: 0, duplicated: 0 });
      for (const [role, share] of Object.entries(least)) {
        expect(shares[role], role).toHaveLength(PROCESSES);
        expect(Math.min(...(shares[role] ?? [])), role).toBeGreaterThanOrEqual(share);
      }
    });
  });
}
