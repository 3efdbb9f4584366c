import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareScored, order, RankMemo, rankOf, score, topK } from '../../src/election/hrw.ts';
import { scopedNodes } from '../../src/election/view.ts';
import type { Digest } from '../../src/types.ts';
import { clusterNode } from '../support/election-models.ts';
import { loadVectors, testDigest } from '../support/vectors.ts';

interface Vectors {
  readonly cases: readonly {
    readonly name: string;
    readonly digest: Digest;
    readonly nodes: readonly string[];
    readonly k: number;
    readonly full_order: readonly string[];
    readonly top_k: readonly string[];
    readonly ranks: Readonly<Record<string, number>>;
    readonly scores_of_first_six: readonly string[];
  }[];
  readonly tie_break: readonly {
    readonly ids: readonly string[];
    readonly order_best_first: readonly string[];
    readonly score_hex: string;
  }[];
  readonly zone_filter: {
    readonly nodes: readonly { readonly id: string; readonly zone: string }[];
    readonly cases: readonly {
      readonly scope: string;
      readonly requester_zone: string;
      readonly digest: Digest;
      readonly candidates: readonly string[];
      readonly top_3_of_candidates: readonly string[];
    }[];
  };
}

const vectors = loadVectors<Vectors>('hrw');
const ids = (nodes: readonly { readonly id: string }[]): readonly string[] => nodes.map(({ id }) => id);
const digests = fc.nat().map((number) => testDigest(number));

/** Written again from the specification, on bytes. */
function independentOrder(names: readonly string[], digest: Digest): readonly string[] {
  const bytesOf = (text: string): Buffer => Buffer.from(text, 'utf8');
  const scored = names.map((name) => ({
    name,
    score: createHash('sha256').update(bytesOf(name)).update(bytesOf(digest)).digest(),
  }));
  scored.sort((a, b) => Buffer.compare(b.score, a.score) || Buffer.compare(bytesOf(b.name), bytesOf(a.name)));
  return scored.map(({ name }) => name);
}

describe('rendezvous hashing', () => {
  it.each(vectors.cases)('$name', ({ digest, nodes, k, full_order, top_k, ranks, scores_of_first_six }) => {
    const members = nodes.map((id) => ({ id }));
    const ordered = order(members, digest);
    expect(ids(ordered)).toEqual(full_order);
    expect(ids(topK(members, digest, k))).toEqual(top_k);
    expect(ordered.slice(0, 6).map(({ id }) => score(id, digest))).toEqual(scores_of_first_six);
    for (const [id, rank] of Object.entries(ranks)) expect(rankOf(members, id, digest), id).toBe(rank);
  });

  it.each(vectors.tie_break)('breaks the tie of $ids', ({ ids: names, order_best_first, score_hex }) => {
    const scored = names.map((id) => ({ id, score: score_hex }));
    expect(ids(scored.toSorted(compareScored))).toEqual(order_best_first);
    expect(ids(scored.toReversed().toSorted(compareScored))).toEqual(order_best_first);
  });

  it.each(vectors.zone_filter.cases)(
    'scope $scope of zone $requester_zone',
    ({ scope, requester_zone, digest, candidates, top_3_of_candidates }) => {
      const nodes = vectors.zone_filter.nodes.map(({ id, zone }) => clusterNode(id, zone));
      const scoped = scopedNodes(nodes, scope, requester_zone);
      if (candidates.length === 0) {
        expect(scoped).toBe(nodes);
      } else {
        expect(ids(scoped)).toEqual(candidates);
        expect(ids(topK(scoped, digest, 3))).toEqual(top_3_of_candidates);
      }
    },
  );

  it('agrees with an independent computation, whatever the ids and the order of the members', () => {
    const names = fc.uniqueArray(fc.string({ unit: 'binary', maxLength: 12 }), { maxLength: 9 });
    fc.assert(
      fc.property(names, digests, fc.integer({ min: -1, max: 25 }), (input, digest, k) => {
        const expected = independentOrder(input, digest);
        const members = input.map((id) => ({ id }));
        expect(ids(order(members, digest))).toEqual(expected);
        expect(ids(order(members.toReversed(), digest))).toEqual(expected);
        expect(ids(topK(members, digest, k))).toEqual(expected.slice(0, Math.max(0, k)));
        expected.forEach((id, rank) => expect(rankOf(members, id, digest)).toBe(rank));
      }),
    );
  });

  it('gives a node that joins only what it wins itself', () => {
    const names = fc.uniqueArray(fc.string({ maxLength: 8 }), { minLength: 2, maxLength: 12 });
    fc.assert(
      fc.property(names, digests, ([joining, ...others], digest) => {
        const before = ids(
          order(
            others.map((id) => ({ id })),
            digest,
          ),
        );
        const after = ids(
          order(
            [joining as string, ...others].map((id) => ({ id })),
            digest,
          ),
        );
        expect(after.filter((id) => id !== joining)).toEqual(before);
      }),
    );
  });
});

describe('remembered ranks', () => {
  it('are those of the members that are asked about', () => {
    const memo = new RankMemo();
    const three = ['a', 'b', 'c'].map((id) => ({ id }));
    const four = [...three, { id: 'd' }];
    for (let number = 0; number < 3_000; number++) {
      const digest = testDigest(number % 1_500);
      const members = number % 7 === 0 ? four : three;
      expect(memo.rankOf(members, 'a', digest)).toBe(rankOf(members, 'a', digest));
      expect(memo.rankOf(members, 'd', digest)).toBe(rankOf(members, 'd', digest));
    }
  });
});
