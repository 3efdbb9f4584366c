import { describe, expect, it } from 'vitest';
import { NodeFlag } from '../../src/model/node-table.ts';
import { Reaper } from '../../src/service/reaper.ts';
import { dumpDirectory } from '../support/dump-directory.ts';
import { Harness, type HarnessOptions } from '../support/harness.ts';
import { problemsOf } from '../support/random-events.ts';
import { emptyDirectory, replay } from '../support/restore.ts';

const THRESHOLD = 1800;
/** A node is found at the latest when the bucket of its expiry has passed. */
const BUCKET = 10;

async function scene(nodes: number, options: HarnessOptions = {}) {
  const h = new Harness(options);
  const members = [];
  for (let i = 0; i < nodes; i++) members.push(await h.node({ hostname: `host-${i}` }));
  return { h, members, reaper: new Reaper(h.engine, h.clock, h.clock, THRESHOLD) };
}

describe('the reaper', () => {
  it('removes who was not seen for the threshold, and nobody else', async () => {
    const { h, members, reaper } = await scene(4);
    h.advance(1000);
    await h.succeed('heartbeat', { node_id: 2 }, members[1]?.signer);
    h.advance(THRESHOLD - 1000 - 1);
    expect(await reaper.tick()).toBe(0);
    h.advance(1 + BUCKET);
    expect(await reaper.tick()).toBe(3);
    expect(h.state.nodes.liveCount).toBe(1);
    expect(await h.ask('lookup', { node_id: 2 })).toMatchObject({ type: 'lookup_ok' });
    expect(
      h.audits
        .filter((note) => note.action === 'node.reaped')
        .map((note) => note.nodeId)
        .sort(),
    ).toEqual([1, 3, 4]);
    expect(dumpDirectory(replay(emptyDirectory(), h.log.records))).toEqual(dumpDirectory(h.state));
  });

  it('watches nodes that registered, or came back, after it began', async () => {
    const { h, members, reaper } = await scene(1);
    h.advance(THRESHOLD + BUCKET);
    expect(await reaper.tick()).toBe(1);
    await h.node({}, undefined, members[0]?.signer);
    const late = await h.node();
    h.advance(THRESHOLD + BUCKET);
    expect(await reaper.tick()).toBe(2);
    expect(h.state.nodes.liveSlotOf(late.id)).toBe(-1);
  });

  it('shows reaped members of a network as offline, and drops them from the list of all nodes', async () => {
    const { h, members, reaper } = await scene(2);
    const network = await h.network('one', 1);
    h.advance(THRESHOLD + BUCKET);
    await h.succeed('heartbeat', { node_id: 2 }, members[1]?.signer);
    await reaper.tick();
    const list = await h.ask('list_nodes', { network_id: network });
    expect(list['nodes']).toEqual([
      { node_id: 1, address: '1:0001.0000.0001', role: 'owner', offline: true },
    ]);
  });

  it('does at most ten thousand in a round, in events that the log can take', async () => {
    const h = new Harness({ limits: { maxNodes: 13_000, maxTombstones: 13_000 } });
    for (let id = 1; id <= 12_000; id++) {
      const key = Buffer.alloc(32);
      key.writeUInt32BE(id);
      h.commit({ type: 'node.registered', id, key: key.toString('base64'), at: h.now });
    }
    const reaper = new Reaper(h.engine, h.clock, h.clock, THRESHOLD);
    h.advance(THRESHOLD + BUCKET);
    expect(await reaper.tick()).toBe(10_000);
    expect(await reaper.tick()).toBe(2000);
    expect(Math.max(...h.log.records.map((record) => record.payload.length))).toBeLessThan(8192);
  });

  it('tries again when the log refuses', async () => {
    const { h, reaper } = await scene(3);
    h.advance(THRESHOLD + BUCKET);
    h.log.failure = new Error('full');
    await expect(reaper.tick()).rejects.toThrow('full');
    expect(h.state.nodes.liveCount).toBe(3);
    h.advance(BUCKET);
    expect(await reaper.tick()).toBe(3);
  });

  it('does not run twice at a time', async () => {
    const { h, reaper } = await scene(3);
    h.advance(THRESHOLD + BUCKET);
    expect(await Promise.all([reaper.tick(), reaper.tick()])).toEqual([3, 0]);
  });

  it('forgets the oldest of the gone above their limit', async () => {
    const { h, reaper } = await scene(8, { limits: { maxNodes: 20, maxTombstones: 5 } });
    for (let id = 1; id <= 8; id++) {
      h.advance(10);
      h.commit({ type: 'node.deregistered', id, at: h.now });
    }
    await reaper.tick();
    // One more than needed: a hundredth of the limit, rounded up.
    expect([1, 2, 3, 4, 5, 6, 7, 8].filter((id) => h.state.nodes.slotOf(id) >= 0)).toEqual([5, 6, 7, 8]);
    expect(h.state.nodes.tombstoneCount).toBe(4);
    expect([...problemsOf(h.state)]).toEqual([]);
    expect(dumpDirectory(replay(emptyDirectory(), h.log.records))).toEqual(dumpDirectory(h.state));
  });

  it('is not led astray by a slot that was forgotten and given to somebody else', async () => {
    const { h, reaper } = await scene(1, { limits: { maxNodes: 2, maxTombstones: 0 } });
    h.commit({ type: 'node.deregistered', id: 1, at: h.now });
    await reaper.tick();
    expect(h.state.nodes.slotOf(1)).toBe(-1);
    h.advance(THRESHOLD - 5);
    const next = await h.node();
    const slot = h.state.nodes.slotOf(next.id);
    expect(slot).toBe(0);
    h.advance(BUCKET + 5);
    expect(await reaper.tick()).toBe(0);
    expect(h.state.nodes.has(slot, NodeFlag.live)).toBe(true);
    h.advance(THRESHOLD);
    expect(await reaper.tick()).toBe(1);
  });
});
