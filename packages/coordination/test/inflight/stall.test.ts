import { describe, expect, it } from 'vitest';
import { pollIntervalMs, stallThresholdMs, StallWatch } from '../../src/inflight/stall.ts';
import type { PullReport } from '../../src/inflight/stall.ts';
import type { ObjectKind } from '../../src/types.ts';
import { loadVectors, testDigest } from '../support/vectors.ts';

const vectors = loadVectors<{
  cases: readonly { kind: ObjectKind; expected_size: number; required_ms: number }[];
  poll_interval_ms: { required: Record<ObjectKind, number> };
}>('stall');

const NOW = 1_800_000_000_000;

function report(changes: Partial<PullReport> = {}): PullReport {
  return {
    digest: testDigest(1),
    nodeId: 'n1',
    kind: 'manifest',
    expectedSize: 0,
    startedAt: NOW,
    progressBytes: undefined,
    ...changes,
  };
}

describe('thresholds', () => {
  it.each(vectors.cases)('$kind of $expected_size bytes: $required_ms ms', (vector) => {
    expect(stallThresholdMs(vector.kind, vector.expected_size)).toBe(vector.required_ms);
  });

  it.each(Object.entries(vectors.poll_interval_ms.required))('%s is looked at every %i ms', (kind, ms) => {
    expect(pollIntervalMs(kind as ObjectKind)).toBe(ms);
  });

  it('follow the configured rate', () => {
    expect(stallThresholdMs('blob', 100_000, 1_000)).toBe(300_000);
    expect(new StallWatch({ stallBytesPerSecond: 1_000 }).thresholdMs('blob', 100_000)).toBe(300_000);
  });
});

describe('judging a reported pull', () => {
  it('is patient up to the threshold and with it', () => {
    expect(new StallWatch().judge(report(), NOW + 5_000).isStalled).toBe(false);
    expect(new StallWatch().judge(report(), NOW + 5_001).isStalled).toBe(true);
  });

  it('takes a start in the future as now', () => {
    expect(new StallWatch().judge(report({ startedAt: NOW + 3_600_000 }), NOW).isStalled).toBe(false);
  });

  it('counts from the first look when no start is told, per node and digest', () => {
    const watch = new StallWatch();
    const silent = report({ startedAt: undefined });
    expect(watch.judge(silent, NOW).isStalled).toBe(false);
    expect(watch.judge(silent, NOW + 5_000).isStalled).toBe(false);
    expect(watch.judge(silent, NOW + 5_001).isStalled).toBe(true);
    expect(watch.judge({ ...silent, nodeId: 'n2' }, NOW + 5_001).isStalled).toBe(false);
    expect(watch.judge({ ...silent, digest: testDigest(2) }, NOW + 5_001).isStalled).toBe(false);
  });

  it('forgets a pull of which it has not heard for ten minutes', () => {
    const watch = new StallWatch();
    const silent = report({ startedAt: undefined });
    watch.judge(silent, NOW);
    expect(watch.judge(silent, NOW + 600_001).isStalled).toBe(false);
    watch.judge({ ...silent, nodeId: 'n2' }, NOW + 1_300_000);
    expect(watch.length).toBe(1);
  });

  it('excuses an old pull that has grown since a look of at most five seconds ago', () => {
    const watch = new StallWatch();
    expect(watch.judge(report({ progressBytes: 10 }), NOW + 4_000)).toEqual({
      isStalled: false,
      isProgressing: false,
      isUndecided: false,
    });
    expect(watch.judge(report({ progressBytes: 11 }), NOW + 9_000)).toMatchObject({
      isStalled: false,
      isProgressing: true,
    });
    expect(watch.judge(report({ progressBytes: 11 }), NOW + 10_000).isStalled).toBe(true);
    expect(watch.judge(report({ progressBytes: 99 }), NOW + 15_001).isStalled).toBe(true);
  });

  it('does not take the first progress it is told for growth', () => {
    const watch = new StallWatch();
    watch.judge(report(), NOW + 5_000);
    expect(watch.judge(report({ progressBytes: 10 }), NOW + 6_000)).toMatchObject({
      isStalled: true,
      isProgressing: false,
    });
  });

  it('lets looks at blobs be ten seconds apart', () => {
    const watch = new StallWatch();
    watch.judge(report({ kind: 'blob', progressBytes: 10 }), NOW + 40_000);
    expect(watch.judge(report({ kind: 'blob', progressBytes: 11 }), NOW + 50_000).isStalled).toBe(false);
    expect(watch.judge(report({ kind: 'blob', progressBytes: 12 }), NOW + 60_001).isStalled).toBe(true);
  });

  it('does not excuse for more than thirty minutes', () => {
    const watch = new StallWatch();
    const blob = (progressBytes: number): PullReport => report({ kind: 'blob', progressBytes });
    watch.judge(blob(1), NOW + 1_795_000);
    expect(watch.judge(blob(2), NOW + 1_800_000).isStalled).toBe(false);
    expect(watch.judge(blob(3), NOW + 1_800_001).isStalled).toBe(true);
  });

  it('asks for a second look at an old pull that tells its progress', () => {
    const watch = new StallWatch();
    expect(watch.judge(report({ progressBytes: 7 }), NOW + 60_000).isUndecided).toBe(true);
    expect(watch.judge(report({ progressBytes: 7 }), NOW + 60_200).isUndecided).toBe(false);
    expect(watch.judge(report({ nodeId: 'go' }), NOW + 60_000).isUndecided).toBe(false);
  });

  it('takes a start that moves as a sign of life of a queued pull', () => {
    const watch = new StallWatch();
    watch.judge(report({ startedAt: NOW }), NOW);
    expect(watch.judge(report({ startedAt: NOW + 1_000 }), NOW + 1_000).isProgressing).toBe(true);
    expect(watch.judge(report({ startedAt: NOW + 1_000 }), NOW + 2_000).isProgressing).toBe(false);
  });

  it('allows two seconds to a node whose clock is known to deviate', () => {
    const watch = new StallWatch();
    watch.started('n1', NOW - 1_001, NOW);
    expect(watch.judge(report(), NOW + 7_000).isStalled).toBe(false);
    expect(watch.judge(report(), NOW + 7_001).isStalled).toBe(true);
    watch.started('n1', NOW - 1_000, NOW);
    expect(watch.judge(report(), NOW + 5_001).isStalled).toBe(true);
    watch.started('n1', undefined, NOW);
  });

  it('remembers no more than it may', () => {
    const watch = new StallWatch();
    for (let number = 0; number < 5_000; number++) watch.judge(report({ digest: testDigest(number) }), NOW);
    expect(watch.length).toBe(4_096);
  });
});
