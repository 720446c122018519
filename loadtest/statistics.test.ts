import { describe, expect, test } from 'vitest';
import { round } from './compare.ts';
import { metricValue } from './run-deferred-backlog.ts';
import { latencies, median, percentile, spread } from './statistics.ts';

describe('statistics', () => {
  test('the median is the middle, or the mean of the two in the middle', () => {
    expect([median([3, 1, 2]), median([4, 1, 3, 2]), median([])]).toEqual([2, 2.5, Number.NaN]);
  });

  test('a percentile is the nearest rank', () => {
    const hundred = Float64Array.from({ length: 100 }, (_, index) => 100 - index);
    expect([percentile(hundred, 0.5), percentile(hundred, 0.99), percentile(hundred, 1)]).toEqual([50, 99, 100]);
  });

  test('the spread has the extremes', () => {
    expect(spread([5, 9, 1])).toEqual({ median: 5, lowest: 1, highest: 9 });
  });

  test('latencies leave out what has no end', () => {
    expect(latencies(new Float64Array([1, 2, 3]), new Float64Array([5, 0, 4]))).toEqual(new Float64Array([4, 1]));
  });
});

test('figures keep three digits', () => {
  expect([round(0.12345), round(12.345), round(1234.5)]).toEqual(['0.123', '12.3', '1235']);
});

test('a metric is the sum of its samples, and of no other that begins alike', () => {
  const page = '# TYPE a gauge\na{role="x"} 1\na{role="y"} 2.5\nab 7\n';
  expect([metricValue(page, 'a'), metricValue(page, 'ab'), metricValue(page, 'c')]).toEqual([3.5, 7, undefined]);
});
