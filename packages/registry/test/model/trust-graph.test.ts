import fc from 'fast-check';
import { expect, it } from 'vitest';
import { TrustBit, TrustGraph } from '../../src/model/trust-graph.ts';

const node = fc.integer({ min: 1, max: 12 });

it('does what a plain map of pairs does', () => {
  const step = fc.tuple(fc.constantFrom('report', 'report', 'accept', 'revoke'), node, node);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
      const graph = new TrustGraph();
      const model = new Map<string, { a: number; b: number; by: Set<number | 'both'> }>();
      let seq = 0;
      for (const [what, by, peer] of steps) {
        if (by === peer) continue;
        seq++;
        const pair = `${Math.min(by, peer)}:${Math.max(by, peer)}`;
        if (what === 'revoke') {
          graph.remove(by, peer, seq);
          model.delete(pair);
        } else {
          graph.add(by, peer, what === 'accept' ? TrustBit.accepted : TrustGraph.bitOf(by, peer), seq);
          const entry = model.get(pair) ?? { a: by, b: peer, by: new Set() };
          entry.by.add(what === 'accept' ? 'both' : by);
          model.set(pair, entry);
          expect(graph.changedBy(peer, by)).toBe(seq);
        }
      }
      expect(graph.size).toBe(model.size);
      for (let a = 1; a <= 12; a++) {
        const peers = [...model.values()].filter((pair) => pair.a === a || pair.b === a);
        expect(graph.countOf(a)).toBe(peers.length);
        expect(graph.peersOf(a).sort((x, y) => x - y)).toEqual(
          peers.map((pair) => (pair.a === a ? pair.b : pair.a)).sort((x, y) => x - y),
        );
        for (let b = 1; b <= 12; b++) {
          const pair = model.get(`${Math.min(a, b)}:${Math.max(a, b)}`);
          const trusted = pair !== undefined && (pair.by.has('both') || (pair.by.has(a) && pair.by.has(b)));
          expect(graph.trusted(a, b)).toBe(trusted);
          expect(graph.declaredBy(a, b)).toBe(pair?.by.has(a) ?? false);
        }
      }
    }),
  );
});

it('leaves no entry behind when the last pair goes', () => {
  const graph = new TrustGraph();
  graph.add(2, 1, TrustBit.bySmaller, 1);
  graph.remove(1, 2, 2);
  graph.remove(1, 2, 3);
  expect(graph.entries.size).toBe(0);
  expect(graph.size).toBe(0);
  expect(graph.peersOf(2)).toEqual([]);
});
