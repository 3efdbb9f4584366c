import { seededRandom } from '@muster/core/testing';
import { describe, expect, it } from 'vitest';
import { ProviderOrder } from '../../src/sessions/provider-order.ts';

const providers = ['a', 'b', 'c', 'd', 'e'].map((nodeId) => ({ nodeId, addr: `${nodeId}:1` }));
const [a, b, c, d, e] = providers as [
  (typeof providers)[0],
  (typeof providers)[0],
  (typeof providers)[0],
  (typeof providers)[0],
  (typeof providers)[0],
];

function sorted(order: ProviderOrder, changes: { now?: number; near?: string; seed?: number } = {}): string {
  const context = {
    now: changes.now ?? 0,
    random: seededRandom(changes.seed ?? 1),
    isNear: ({ nodeId }: { nodeId: string }) => nodeId === changes.near,
  };
  return order
    .sort(providers, context)
    .map(({ nodeId }) => nodeId)
    .join('');
}

describe('ProviderOrder', () => {
  it('asks those that failed last, for five minutes', () => {
    const order = new ProviderOrder();
    order.failed(a, 0);
    for (let seed = 0; seed < 20; seed++) expect(sorted(order, { now: 299_999, seed }).at(-1)).toBe('a');
    const later = Array.from({ length: 20 }, (_, seed) => sorted(order, { now: 300_000, seed }).at(-1));
    expect(new Set(later).size).toBeGreaterThan(1);
  });

  it('prefers the own zone, then few transfers, then quick answers', () => {
    const order = new ProviderOrder();
    order.begin(a);
    order.begin(b);
    order.begin(b);
    order.answered(c, 20);
    order.answered(d, 2_000);
    order.answered(e, 200);
    expect(sorted(order, { near: 'b' })).toBe('bceda');
    order.end(b);
    order.end(b);
    order.end(b);
    expect(sorted(order, { near: 'a' }).startsWith('a')).toBe(true);
    expect(sorted(order).indexOf('b')).toBeLessThan(sorted(order).indexOf('d'));
  });

  it('leaves equals to chance', () => {
    const first = Array.from({ length: 50 }, (_, seed) => sorted(new ProviderOrder(), { seed })[0]);
    expect(new Set(first).size).toBe(5);
  });

  it('forgets the oldest', () => {
    const order = new ProviderOrder();
    for (let index = 0; index < 5_000; index++) order.failed({ nodeId: '', addr: `x:${index}` }, 0);
    expect(order.size).toBe(4096);
  });
});
