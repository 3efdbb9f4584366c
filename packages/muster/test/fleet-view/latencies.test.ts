import { describe, expect, it } from 'vitest';
import { HistogramGrowth } from '../../src/fleet-view/collect/latencies.ts';
import { SeriesBook } from '../../src/fleet-view/model/series-book.ts';

function page(counts: Readonly<Record<string, readonly [number, number]>>): string {
  return Object.entries(counts)
    .flatMap(([bound, [gets, puts]]) => [
      `took_seconds_bucket{le="${bound}",type="get"} ${gets}`,
      `took_seconds_bucket{type="put",le="${bound}"} ${puts}`,
    ])
    .concat(['# TYPE took_seconds histogram', 'took_seconds_sum{type="get"} 9', 'other_bucket{le="1"} 77'])
    .join('\n');
}

describe('percentiles of what grew', () => {
  it('says nothing of the first page, and nothing when nothing was observed', () => {
    const growth = new HistogramGrowth('took_seconds');
    const counts = { '0.1': [5, 0], '1': [9, 1], '+Inf': [9, 1] } as const;
    expect(growth.take(page(counts))).toBeUndefined();
    expect(growth.take(page(counts))).toBeUndefined();
  });

  it('counts all label sets together, and only what is new', () => {
    const growth = new HistogramGrowth('took_seconds');
    growth.take(page({ '0.1': [1000, 0], '1': [1000, 0], '+Inf': [1000, 0] }));
    const after = growth.take(page({ '0.1': [1040, 20], '1': [1040, 59], '+Inf': [1040, 60] }));
    expect(after).toEqual({ p50: 0.1, p99: 1 });
  });

  it('answers the largest finite bound for what took longer', () => {
    const growth = new HistogramGrowth('took_seconds');
    growth.take(page({ '0.1': [0, 0], '+Inf': [0, 0] }));
    expect(growth.take(page({ '0.1': [0, 0], '+Inf': [3, 0] }))).toEqual({ p50: 0.1, p99: 0.1 });
  });

  it('begins anew with a process that was started again', () => {
    const growth = new HistogramGrowth('took_seconds');
    growth.take(page({ '0.1': [50, 0], '+Inf': [90, 0] }));
    expect(growth.take(page({ '0.1': [9, 0], '+Inf': [10, 0] }))).toBeUndefined();
    expect(growth.take(page({ '0.1': [19, 0], '+Inf': [20, 0] }))).toEqual({ p50: 0.1, p99: 0.1 });
  });

  it.each([
    '',
    'nonsense',
    'took_seconds_bucket{le="x"} 1\ntook_seconds_bucket{le="1"} NaN',
    '\0'.repeat(99),
  ])('takes a page that is none: %j', (text) => {
    const growth = new HistogramGrowth('took_seconds');
    growth.take(text);
    expect(growth.take(text)).toBeUndefined();
  });
});

describe('figures of several sources', () => {
  it('adds what can be added, and takes the mean or the largest of latencies', () => {
    const book = new SeriesBook();
    for (const [source, value] of [
      ['a', 10],
      ['b', 30],
    ] as const) {
      book.gauge(source, 'registry.online', value, 1_000);
      book.gauge(source, 'overlay.rtt.mean', value, 1_000);
      book.gauge(source, 'overlay.rtt.max', value, 1_000);
    }
    book.tick(2_000);
    const last = new Map(book.views().map(({ id, points }) => [id, points.at(-1)?.[1]]));
    expect(last.get('registry.online')).toBe(40);
    expect(last.get('overlay.rtt.mean')).toBe(20);
    expect(last.get('overlay.rtt.max')).toBe(30);
  });
});
