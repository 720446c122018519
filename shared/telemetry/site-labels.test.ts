// Which sites have a label of their own.
import { expect, test } from 'vitest';
import { SiteLabels } from './site-labels.ts';

test('the first sites have labels, the rest are other', () => {
  const labels = new SiteLabels(() => {}, 2);
  expect(['a', 'b', 'c', 'a'].map((site) => labels.label(site))).toEqual(['a', 'b', 'other', 'a']);
});

test('a site that becomes busy takes the label of one that has gone quiet', () => {
  const dropped: string[] = [];
  const labels = new SiteLabels((site) => dropped.push(site), 2);
  labels.label('quiet');
  for (let times = 0; times < 5000; times++) for (const site of ['a', 'b']) labels.label(site);
  expect(dropped).toEqual(['quiet']);
  expect(['a', 'b', 'quiet'].map((site) => labels.label(site))).toEqual(['a', 'b', 'other']);
});

test('a million sites cost no more than a thousand', () => {
  const labels = new SiteLabels(() => {}, 50);
  const seen = new Set<string>();
  for (let at = 0; at < 100_000; at++) seen.add(labels.label(`site${at}`));
  expect(seen.size).toBeLessThan(51 + 50 * 20);
});
