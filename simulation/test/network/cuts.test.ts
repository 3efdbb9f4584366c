import { expect, test } from 'vitest';
import { Simulation } from '../../kernel/index.ts';
import { isolation, link, LinkModel, oneWay, partition } from '../../network/index.ts';

test('cuts block what they name and nothing else', () => {
  const halves = partition(['a', 'b'], ['c']);
  expect([halves('a', 'c'), halves('c', 'b'), halves('a', 'b'), halves('a', 'z')]).toEqual([
    true,
    true,
    false,
    false,
  ]);
  const alone = isolation('a');
  expect([alone('a', 'b'), alone('b', 'a'), alone('b', 'c')]).toEqual([true, true, false]);
  const pair = link('a', 'b');
  expect([pair('a', 'b'), pair('b', 'a'), pair('a', 'c')]).toEqual([true, true, false]);
  const down = oneWay(['a'], ['b']);
  expect([down('a', 'b'), down('b', 'a')]).toEqual([true, false]);
});

test('latency is that of both ends and the core, transfer and retransmissions come on top', () => {
  const { random } = new Simulation({ seed: 1 });
  const clean = new LinkModel(
    { coreMs: 10, accessMs: [5, 5], jitterMs: 0, bandwidthMbps: 8 },
    random.fork('a'),
  );
  expect(clean.oneWayMs('x', 'y')).toBe(20);
  expect(clean.deliveryMs('x', 'y', 1_000)).toBeCloseTo(21, 6);
  clean.setHost('y', { extraMs: 30, bandwidthMbps: 1 });
  expect(clean.deliveryMs('x', 'y', 1_000)).toBeCloseTo(58, 6);
  const lossy = new LinkModel({ coreMs: 10, accessMs: [5, 5], jitterMs: 0, loss: 0.5 }, random.fork('b'));
  const times = Array.from({ length: 400 }, () => lossy.deliveryMs('x', 'y', 100));
  const late = times.filter((ms) => ms > 100).length;
  expect(late).toBeGreaterThan(150);
  expect(late).toBeLessThan(250);
});
