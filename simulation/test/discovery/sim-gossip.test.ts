import { errorCode } from '@muster/core';
import type { GossipMessage } from '@muster/discovery';
import { expect, test } from 'vitest';
import { outcomeOf, overlays } from './two-overlays.ts';

const TOPIC = 'topic';
const SOON = { timeoutMs: 10_000 };

async function ring(
  count: number,
  options: Parameters<typeof overlays>[1] = {},
): ReturnType<typeof overlays> {
  const fleet = await overlays(count, options);
  for (let i = 0; i < count; i++) {
    for (const step of [1, 7]) {
      const to = fleet.info((i + step) % count);
      fleet.node(i).connected(to, () => {});
    }
  }
  await fleet.sim.runFor(2_000);
  return fleet;
}

test('a message reaches every subscriber once, whatever is doubled under way', async () => {
  const { sim, node, nodes } = await ring(60, { duplication: 0.5, jitterMs: 20 });
  const seen = nodes.map((): GossipMessage[] => []);
  for (const [index, { gossip }] of nodes.entries()) {
    gossip.subscribe(TOPIC, {
      validate: () => 'accept',
      deliver: (message) => void seen[index]?.push(message),
    });
  }
  void node(5).gossip.publish(TOPIC, Buffer.from('hello'));
  await sim.runFor(5_000);
  expect(seen.map(({ length }) => length)).toEqual(nodes.map((_, index) => (index === 5 ? 0 : 1)));
  expect(seen[0]?.[0]).toMatchObject({ topic: TOPIC, from: node(5).self });
});

test('what is not accepted goes no further', async () => {
  const { sim, node } = await overlays(3);
  node(0).connected({ ID: node(1).self, Addrs: node(1).addresses() }, () => {});
  node(1).connected({ ID: node(2).self, Addrs: node(2).addresses() }, () => {});
  await sim.runFor(1_000);
  let delivered = 0;
  node(1).gossip.subscribe(TOPIC, { validate: () => 'reject' });
  node(2).gossip.subscribe(TOPIC, { validate: () => 'accept', deliver: () => void (delivered += 1) });
  void node(0).gossip.publish(TOPIC, Buffer.from('x'));
  await sim.runFor(2_000);
  expect(delivered).toBe(0);
  expect(node(1).gossip.rejected).toBe(1);
  node(1).gossip.subscribe(TOPIC, { validate: () => 'accept' });
  void node(0).gossip.publish(TOPIC, Buffer.from('y'));
  await sim.runFor(2_000);
  expect(delivered).toBe(1);
});

test('publishing to nobody fails', async () => {
  const { sim, node } = await overlays(1);
  const outcome = outcomeOf(node(0).gossip.publish(TOPIC, Buffer.from('x')));
  await sim.runFor(10);
  expect(errorCode(outcome.error)).toBe('GOSSIP_FAILED');
  await node(0).start();
  expect(SOON.timeoutMs).toBeGreaterThan(0);
});
