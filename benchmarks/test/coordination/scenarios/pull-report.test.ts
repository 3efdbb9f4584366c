import { describe, expect, it } from 'vitest';
import type { CountersSummary } from '../../../coordination/lab/counters.ts';
import type { ImageFacts } from '../../../coordination/lab/images.ts';
import type { RuntimeRow } from '../../../coordination/lab/runtimes.ts';
import { PullReport, tally } from '../../../coordination/scenarios/pull-report.ts';

const IMAGE: ImageFacts = {
  name: 'i',
  root: 'sha256:a',
  digests: ['sha256:a', 'sha256:b', 'sha256:c'],
  bytes: 1_000,
  largest: { digest: 'sha256:c', size: 900 },
};

const ORIGIN: CountersSummary = {
  requests: 6,
  bytes: 1_900,
  classes: { ping: 0, manifest_by_tag: 0, manifest_by_digest: 2, blob: 3, token: 1, other: 0 },
  clients: {},
  statuses: {},
  digests: {
    'sha256:a': { get: 1, head: 1, bytes: 50 },
    'sha256:b': { get: 1, head: 0, bytes: 50 },
    'sha256:c': { get: 2, head: 0, bytes: 1_800 },
  },
};

function row(ms: number, more: Partial<RuntimeRow> = {}): RuntimeRow {
  return { name: 'r', ms, bytes: 1_000, objects: [], fallbacks: 0, wrong: 0, failures: [], ...more };
}

describe('the report of a pull', () => {
  const report = new PullReport(IMAGE, ORIGIN, [
    row(1_000),
    row(3_000, { failures: ['503 for GET', '503 for GET'], error: '503 for GET' }),
    row(2_000, { wrong: 1, failures: ['a short body'] }),
  ]);

  it('counts copies, GETs beyond one a digest, and what failed', () => {
    expect(report).toMatchObject({
      copies: 1.9,
      gets: 4,
      surplusGets: 1,
      mostGets: 2,
      heads: 1,
      failed: 1,
      wrong: 1,
      lastMs: 3_000,
      distribution: '1 x 2, 2 x 1',
    });
    expect(report.getsOf('sha256:none')).toBe(0);
  });

  it('takes nearest ranks of the pull times', () => {
    expect([report.ms(0.5), report.ms(0.95), report.ms(0.99)]).toEqual([2_000, 3_000, 3_000]);
    expect(report.findings('n3.')['n3.p50']).toMatchObject({ value: 2, unit: 's' });
  });

  it('says what failed, and how often', () => {
    expect(tally(report.failures)).toBe('2 x 503 for GET, 1 x a short body');
    expect(tally([])).toBe('none');
  });
});
