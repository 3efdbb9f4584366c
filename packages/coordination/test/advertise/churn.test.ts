import { expect, test } from 'vitest';
import { ChurnDetector } from '../../src/advertise/churn.ts';
import type { ClusterNode } from '../../src/types.ts';

const view = (...ids: string[]): ClusterNode[] =>
  ids.map((id) => {
    const [name = '', peer = `peer-${name}`] = id.split('=');
    return { id: name, addr: '', zone: '', peerId: peer, p2pAddrs: [] };
  });

const all = ['me', ...Array.from({ length: 10 }, (_, index) => `n${index}`)];
const without = (...ids: string[]): string[] => all.filter((id) => !ids.includes(id));

test('a fifth of the members within ten minutes', () => {
  const churn = new ChurnDetector();
  expect(churn.observe(view(...all), 'me', 0)).toBe(false);
  expect(churn.observe(view(...without('n1')), 'me', 1_000)).toBe(false);
  expect(churn.observe(view(...all), 'me', 2_000)).toBe(false);
  expect(churn.observe(view(...without('n1')), 'me', 3_000)).toBe(false);
  expect(churn.observe(view(...without('n1', 'n2')), 'me', 599_000)).toBe(true);
  // Counting has begun anew.
  expect(churn.observe(view(...without('n1', 'n2', 'n3')), 'me', 600_000)).toBe(false);
});

test('what was longer ago does not count', () => {
  const churn = new ChurnDetector();
  churn.observe(view(...all), 'me', 0);
  churn.observe(view(...without('n1')), 'me', 1_000);
  expect(churn.observe(view(...without('n1', 'n2')), 'me', 601_000)).toBe(false);
});

test('another peer under the same name is a new member; newcomers alone are no churn', () => {
  const churn = new ChurnDetector();
  churn.observe(view('me', 'a', 'b', 'c'), 'me', 0);
  expect(churn.observe(view('me', 'a', 'b', 'c', 'd', 'e', 'f', 'g'), 'me', 1_000)).toBe(false);
  expect(churn.observe(view('me=other', 'a', 'b', 'c', 'd', 'e', 'f', 'g'), 'me', 2_000)).toBe(false);
  expect(churn.observe(view('me', 'a=new', 'b=new', 'c', 'd', 'e', 'f', 'g'), 'me', 3_000)).toBe(true);
});
