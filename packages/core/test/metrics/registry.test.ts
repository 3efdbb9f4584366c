import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Histogram, MetricsRegistry, processMetrics } from '../../src/index.ts';

test('counters, gauges and their help in the order of declaration', async () => {
  const metrics = new MetricsRegistry();
  const requests = metrics.counter('pilot_registrations_total', 'Registrations.');
  const nodes = metrics.gauge('pilot_nodes_online', 'Nodes online,\nby now.');
  requests.add();
  requests.value += 2;
  nodes.set(5);
  nodes.add(-1);
  expect(await metrics.render()).toBe(
    [
      '# HELP pilot_registrations_total Registrations.',
      '# TYPE pilot_registrations_total counter',
      'pilot_registrations_total 3',
      '# HELP pilot_nodes_online Nodes online,\\nby now.',
      '# TYPE pilot_nodes_online gauge',
      'pilot_nodes_online 4',
      '',
    ].join('\n'),
  );
});

describe('families', () => {
  test('show every declared value from the start, and fold the rest', async () => {
    const metrics = new MetricsRegistry();
    const family = metrics.counterFamily('pilot_requests_total', 'Requests.', {
      type: ['lookup', 'register'],
    });
    family.with({ type: 'lookup' }).add();
    family.with({ type: 'x'.repeat(1000) }).add();
    family.with({ type: 'made up' }).add();
    expect(family.with({ type: 'nonsense' })).toBe(family.with({ type: 'other' }));
    expect((await metrics.render()).split('\n').slice(2, -1)).toEqual([
      'pilot_requests_total{type="lookup"} 1',
      'pilot_requests_total{type="register"} 0',
      'pilot_requests_total{type="other"} 2',
    ]);
  });

  test('never grow, whatever the labels are', async () => {
    const metrics = new MetricsRegistry();
    const family = metrics.counterFamily('x', 'X.', { a: ['1', '2'], b: ['3'] });
    const before = (await metrics.render()).split('\n').length;
    fc.assert(fc.property(fc.string(), fc.string(), (a, b) => family.with({ a, b }).add()));
    expect((await metrics.render()).split('\n')).toHaveLength(before);
    expect(before).toBe(2 + 3 * 2 + 1);
  });

  test('with too many combinations, or a name that is taken or malformed, are refused', () => {
    const metrics = new MetricsRegistry();
    const values = Array.from({ length: 200 }, (_, index) => String(index));
    expect(() => metrics.counterFamily('x', 'X.', { a: values, b: values })).toThrow(TypeError);
    metrics.gauge('y', 'Y.');
    expect(() => metrics.counter('y', 'Y.')).toThrow(TypeError);
    expect(() => metrics.counter('not a name', '.')).toThrow(TypeError);
  });
});

describe('histograms', () => {
  test('render cumulative buckets, sum and count', async () => {
    const metrics = new MetricsRegistry();
    const family = metrics.histogramFamily('d_seconds', 'D.', { type: ['a'] }, [0.1, 1]);
    const histogram = family.with({ type: 'a' });
    histogram.observe(0.1);
    histogram.observe(0.5);
    histogram.observeMany(2, 3);
    expect((await metrics.render()).split('\n').slice(2, 7)).toEqual([
      'd_seconds_bucket{type="a",le="0.1"} 1',
      'd_seconds_bucket{type="a",le="1"} 2',
      'd_seconds_bucket{type="a",le="+Inf"} 5',
      'd_seconds_sum{type="a"} 6.6',
      'd_seconds_count{type="a"} 5',
    ]);
  });

  test('observeMany is so many observations; every value falls into the first bucket that holds it', () => {
    fc.assert(
      fc.property(fc.integer({ min: -5, max: 50 }), fc.nat({ max: 20 }), (value, count) => {
        const one = new Histogram([1, 10, 20]);
        const many = new Histogram([1, 10, 20]);
        for (let i = 0; i < count; i++) one.observe(value);
        many.observeMany(value, count);
        expect(many.counts).toEqual(one.counts);
        expect(many.total).toBe(count);
        expect(many.sum).toBe(one.sum);
        if (count > 0)
          expect(many.counts.findIndex((n) => n > 0)).toBe([1, 10, 20, 1e9].findIndex((b) => value <= b));
      }),
    );
    expect(() => new Histogram([1, 1])).toThrow(TypeError);
  });
});

test('collected values are asked for at each rendering, with labels escaped and series bounded', async () => {
  const metrics = new MetricsRegistry();
  let uptime = 1;
  metrics.collected('gauge', 'uptime', 'U.', () => uptime);
  const networks = ['a"\\\n', 'b', 'c'].map((network, value) => ({ labels: { network }, value }));
  metrics.collected('gauge', 'members', 'M.', () => networks, { maxSeries: 2 });
  uptime = 2;
  const lines = (await metrics.render()).split('\n');
  expect(lines[2]).toBe('uptime 2');
  expect(lines.slice(5, -1)).toEqual(['members{network="a\\"\\\\\\n"} 0', 'members{network="b"} 1']);
  expect(metrics.leftOutSeries).toBe(1);
});

test('the metrics of the process are appended', async () => {
  const metrics = new MetricsRegistry();
  metrics.counter('own_total', 'O.');
  metrics.addSource(() => '# no newline');
  metrics.addSource(processMetrics());
  const text = await metrics.render();
  expect(text).toContain('own_total 0\n# no newline\n');
  for (const name of ['process_resident_memory_bytes', 'nodejs_eventloop_lag_p99_seconds']) {
    expect(text).toMatch(new RegExp(`^${name} `, 'm'));
  }
});
