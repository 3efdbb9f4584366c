import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { order, topK } from '../../src/election/hrw.ts';
import { localPrefetchOrder, planPrefetch, prefetchDelayMs } from '../../src/prefetch/grouping.ts';
import type { Digest, ObjectKind } from '../../src/types.ts';
import { clusterNode } from '../support/election-models.ts';
import { loadVectors, testDigest } from '../support/vectors.ts';

const vectors = loadVectors<{
  readonly cluster: readonly string[];
  readonly rank0_owner: Readonly<Record<Digest, string>>;
  readonly cases: readonly {
    readonly self: string;
    readonly local_pull_wired: boolean;
    readonly children: readonly { readonly digest: Digest; readonly kind: ObjectKind }[];
    readonly calls:
      | readonly { readonly puller: string; readonly kind: ObjectKind; readonly digests: readonly Digest[] }[]
      | null;
    readonly metric_digests?: number;
    readonly metric_pullers?: number;
    readonly metric_fired?: boolean;
  }[];
}>('prefetch');

const nodes = vectors.cluster.map((id) => clusterNode(id));
const ownerOf = (digest: Digest): ReturnType<typeof clusterNode> | undefined => topK(nodes, digest, 1)[0];

describe('groups of children', () => {
  it.each(Object.entries(vectors.rank0_owner))('%s belongs to %s', (digest, owner) => {
    expect(ownerOf(digest as Digest)?.id).toBe(owner);
  });

  it.each(vectors.cases)('seen from $self (local: $local_pull_wired)', (vector) => {
    const { self, local_pull_wired, children, calls } = vector;
    const plan = planPrefetch({ children, ownerOf, self, isLocalWired: local_pull_wired });
    const sent = plan.groups.map(({ owner, isSelf, kind, digests }) => ({
      puller: isSelf ? '(local)' : owner.id,
      kind,
      digests,
    }));
    expect(sent).toHaveLength(calls?.length ?? 0);
    expect(sent).toEqual(expect.arrayContaining([...(calls ?? [])]));
    expect(plan.children).toBe(vector.metric_digests ?? 0);
    expect(plan.pullers).toBe(vector.metric_pullers ?? 0);
  });

  it('ask for every digest once, whatever is named how often', () => {
    const kinds = fc.constantFrom<ObjectKind>('manifest', 'config', 'blob');
    const child = fc.record({ digest: fc.nat(20).map(testDigest), kind: kinds });
    fc.assert(
      fc.property(fc.array(child), (children) => {
        const plan = planPrefetch({ children, ownerOf, self: 'n0', isLocalWired: true });
        const asked = plan.groups.flatMap(({ digests }) => digests);
        expect(asked.toSorted()).toEqual([...new Set(children.map(({ digest }) => digest))].toSorted());
        for (const { owner, kind, digests } of plan.groups) {
          for (const digest of digests) {
            expect(ownerOf(digest)).toBe(owner);
            expect(children.find((other) => other.digest === digest)?.kind).toBe(kind);
          }
        }
      }),
    );
  });
});

describe('who prefetches', () => {
  const many = Array.from({ length: 8 }, (_, index) => clusterNode(`m${index}`));
  const manifest = testDigest(5);
  const delays = (members: typeof many): (number | undefined)[] =>
    order(members, manifest).map(({ id }) =>
      prefetchDelayMs({ nodes: members, self: id, manifest, coordinators: 3, jitterMs: 1_000 }),
    );

  it('is the best nodes, each later than the one before', () => {
    expect(delays(many)).toEqual([0, 1_000, 2_000, ...Array.from({ length: 5 }, () => undefined)]);
  });

  it('is everybody in a cluster of fewer than eight', () => {
    expect(delays(many.slice(1))).toEqual([0, 1_000, 2_000, 3_000, 4_000, 5_000, 6_000]);
  });

  it('is not one who is not ready, unless the cluster is small', () => {
    const outside = { self: 'x', manifest, coordinators: 3, jitterMs: 1_000 };
    expect(prefetchDelayMs({ ...outside, nodes: many })).toBeUndefined();
    expect(prefetchDelayMs({ ...outside, nodes: many.slice(6) })).toBe(2_000);
  });
});

describe('the order of local copies', () => {
  const children = Array.from({ length: 12 }, (_, number) => ({ digest: testDigest(number) }));

  it('has all children, and differs from node to node', () => {
    const a = localPrefetchOrder('node-a', children);
    const b = localPrefetchOrder('node-b', children);
    expect(new Set(a)).toEqual(new Set(children));
    expect(a).not.toEqual(b);
    expect(localPrefetchOrder('node-a', children.toReversed())).toEqual(a);
  });
});
