import { describe, expect, it } from 'vitest';
import { order } from '../../src/election/hrw.ts';
import { MismatchLimiter } from '../../src/election/mismatch-limiter.ts';
import { ElectionView } from '../../src/election/view.ts';
import type { Candidate } from '../../src/election/view.ts';
import { clusterNode } from '../support/election-models.ts';
import { testDigest } from '../support/vectors.ts';

const DIGEST = testDigest(7);
const CLUSTER = { hrwScope: 'cluster', hrwViewOverlapMs: 10_000 } as const;
const nodes = (...names: string[]): ReturnType<typeof clusterNode>[] => names.map((id) => clusterNode(id));
const ids = (candidates: readonly Candidate[]): string[] => candidates.map(({ node }) => node.id);

/** The names in the order of the digest, so that tests can speak of ranks. */
const RANKED = order(nodes('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'), DIGEST).map(({ id }) => id);
const ranked = (...ranks: number[]): string[] => ranks.map((rank) => RANKED[rank] as string);

describe('candidates', () => {
  it('are the best of the view, with their ranks', () => {
    const view = new ElectionView(CLUSTER);
    view.observe(nodes(...RANKED), '', 0);
    const candidates = view.candidates(DIGEST, 3, 6, 0);
    expect(ids(candidates)).toEqual(ranked(0, 1, 2));
    expect(candidates.map(({ rank, isFromBefore }) => [rank, isFromBefore])).toEqual([
      [0, false],
      [1, false],
      [2, false],
    ]);
  });

  it('have those of the previous view behind them for ten seconds after a change', () => {
    const view = new ElectionView(CLUSTER);
    view.observe(nodes(...ranked(2, 3, 4, 5)), '', 0);
    view.observe(nodes(...ranked(0, 1, 2, 4, 5)), '', 20_000);
    const candidates = view.candidates(DIGEST, 3, 6, 29_999);
    expect(ids(candidates)).toEqual(ranked(0, 1, 2, 4, 3));
    expect(candidates.slice(3)).toMatchObject([
      { rank: 3, isFromBefore: true },
      { rank: Number.POSITIVE_INFINITY, isFromBefore: true },
    ]);
    expect(ids(view.candidates(DIGEST, 3, 6, 30_000))).toEqual(ranked(0, 1, 2));
  });

  it('are not more than twice K, and those of now come first', () => {
    const view = new ElectionView(CLUSTER);
    view.observe(nodes(...ranked(4, 5, 6, 7)), '', 0);
    view.observe(nodes(...ranked(0, 1, 2, 3)), '', 1);
    expect(ids(view.candidates(DIGEST, 3, 5, 1))).toEqual(ranked(0, 1, 2, 4, 5));
    expect(ids(view.candidates(DIGEST, 4, 4, 1))).toEqual(ranked(0, 1, 2, 3));
  });

  it('do not overlap when that is switched off, nor with what was before the first view', () => {
    const off = new ElectionView({ ...CLUSTER, hrwViewOverlapMs: 0 });
    off.observe(nodes(...ranked(3, 4)), '', 0);
    off.observe(nodes(...ranked(0, 1, 2)), '', 0);
    expect(ids(off.candidates(DIGEST, 3, 6, 0))).toEqual(ranked(0, 1, 2));
    const first = new ElectionView(CLUSTER);
    first.observe(nodes(...ranked(0, 1, 2)), '', 0);
    expect(ids(first.candidates(DIGEST, 2, 4, 0))).toEqual(ranked(0, 1));
  });

  it('ask the node of now at its address of now', () => {
    const view = new ElectionView(CLUSTER);
    view.observe(nodes(...ranked(1, 2)), '', 0);
    const moved = { ...clusterNode(ranked(2)[0] as string), addr: 'elsewhere:5001' };
    view.observe([...nodes(...ranked(0, 1)), moved], '', 1);
    expect(view.candidates(DIGEST, 2, 4, 1).at(-1)?.node).toBe(moved);
  });

  it('overlap after a change of ids only', () => {
    const view = new ElectionView(CLUSTER);
    view.observe(nodes(...ranked(0, 1)), '', 0);
    view.observe(nodes(...ranked(1, 2)), '', 1_000);
    view.observe(nodes(...ranked(1, 2)), '', 9_000);
    expect(ids(view.candidates(DIGEST, 2, 4, 10_999))).toEqual(ranked(1, 2, 0));
    expect(ids(view.candidates(DIGEST, 2, 4, 11_000))).toEqual(ranked(1, 2));
  });
});

describe('zone scope', () => {
  const members = [clusterNode('a', 'z1'), clusterNode('b', 'z2'), clusterNode('c', 'z1')];

  it('follows the own zone as it becomes known', () => {
    const view = new ElectionView({ hrwScope: 'zone', hrwViewOverlapMs: 0 });
    view.observe(members, '', 0);
    expect(view.nodes).toHaveLength(3);
    view.observe(members, 'z1', 1);
    expect(view.nodes.map(({ id }) => id)).toEqual(['a', 'c']);
    expect(view.ownZone).toBe('z1');
    view.observe(members, 'z9', 2);
    expect(view.nodes).toHaveLength(3);
  });
});

describe('logging of rank mismatches', () => {
  it('is once per node and ten seconds', () => {
    const limiter = new MismatchLimiter();
    expect([limiter.admit('a', 0), limiter.admit('a', 9_999), limiter.admit('b', 9_999)]).toEqual([
      true,
      false,
      true,
    ]);
    expect(limiter.admit('a', 10_000)).toBe(true);
  });

  it('remembers a bounded number of nodes', () => {
    const limiter = new MismatchLimiter();
    for (let number = 0; number < 4_097; number++) limiter.admit(`n${number}`, 0);
    expect(limiter.admit('n0', 1)).toBe(true);
    expect(limiter.admit('n4000', 1)).toBe(false);
  });
});
