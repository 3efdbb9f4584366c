import { describe, expect, it } from 'vitest';
import { InFlightMap } from '../../src/inflight/in-flight-map.ts';
import { testDigest } from '../support/vectors.ts';

const DIGEST = testDigest(1);

describe('the map of running pulls', () => {
  it('gives a digest to the first who starts it', () => {
    const map = new InFlightMap();
    const first = map.start(DIGEST, 'blob', 100, 1_000);
    const second = map.start(DIGEST, 'manifest', 5, 2_000);
    expect(first).toMatchObject({
      already: false,
      entry: { startedAt: 1_000, kind: 'blob', totalBytes: 100 },
    });
    expect(second).toMatchObject({
      already: true,
      entry: { startedAt: 1_000, kind: 'blob', totalBytes: 100 },
    });
    second.handle.done();
    expect(map.length).toBe(1);
    first.handle.done();
    expect(map.lookup(DIGEST, 3_000)).toBeUndefined();
  });

  it('ends an entry once: a late call does not end the next pull', () => {
    const map = new InFlightMap();
    const first = map.start(DIGEST, 'blob', 0, 1_000);
    first.handle.done();
    map.start(DIGEST, 'blob', 0, 2_000);
    first.handle.done();
    expect(map.lookup(DIGEST, 2_500)?.startedAt).toBe(2_000);
  });

  it('reports what is known of the progress', () => {
    const map = new InFlightMap();
    const { handle } = map.start(DIGEST, 'blob', 0, 1_000);
    expect(map.lookup(DIGEST, 1_000)).toMatchObject({ totalBytes: undefined, progressBytes: 0 });
    handle.size(500);
    handle.progress(200, 4_000);
    handle.progress(200, 5_000);
    expect(map.lookup(DIGEST, 6_000)).toEqual({
      startedAt: 1_000,
      kind: 'blob',
      totalBytes: 500,
      progressBytes: 200,
      lastProgressAt: 4_000,
      isQueued: false,
    });
  });

  it('reports a queued pull as one that starts now', () => {
    const map = new InFlightMap();
    const { handle } = map.start(DIGEST, 'blob', 0, 1_000);
    handle.queued();
    expect(map.lookup(DIGEST, 90_000)).toMatchObject({ startedAt: 90_000, isQueued: true });
    handle.running(95_000);
    expect(map.lookup(DIGEST, 99_000)).toMatchObject({ startedAt: 95_000, isQueued: false });
    expect(map.list(99_000)).toMatchObject([{ digest: DIGEST, startedAt: 95_000 }]);
  });

  it('lets one other take over a claim that is offered', () => {
    const map = new InFlightMap();
    const claim = map.start(DIGEST, 'blob', 0, 1_000);
    expect(map.start(DIGEST, 'blob', 0, 1_500).already).toBe(true);
    claim.handle.offer();
    const pull = map.start(DIGEST, 'blob', 0, 2_000);
    expect(pull).toMatchObject({ already: false, entry: { startedAt: 2_000 } });
    claim.handle.done();
    expect(map.start(DIGEST, 'blob', 0, 3_000)).toMatchObject({ already: true, entry: { startedAt: 2_000 } });
    pull.handle.done();
    expect(map.length).toBe(0);
  });

  it('removes a claim that nobody took over', () => {
    const map = new InFlightMap();
    const { handle } = map.start(DIGEST, 'blob', 0, 1_000);
    handle.offer();
    handle.done();
    expect(map.length).toBe(0);
  });
});
