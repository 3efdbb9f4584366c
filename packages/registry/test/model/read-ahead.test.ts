import { seededRandom } from '@muster/core/testing';
import { describe, expect, it } from 'vitest';
import { emptyProfile } from '../../src/model/node-profile.ts';
import { NodeFlag, NodeTable } from '../../src/model/node-table.ts';
import { MAX_READ_AHEAD, ReadAhead } from '../../src/model/read-ahead.ts';

describe('reading ahead', () => {
  it('takes any bytes for ids, and changes nothing', () => {
    const random = seededRandom(5);
    const nodes = new NodeTable(200, random);
    for (let id = 1; id <= 100; id++) {
      const slot = nodes.insert(id, Buffer.alloc(32, id));
      nodes.setLive(slot, true, 0);
      // One profile is so large that it has a buffer of its own, one slot has no profile, one node is gone.
      const tags = id === 7 ? ['x'.repeat(30)] : [];
      nodes.setProfile(slot, { ...emptyProfile, tags, version: id === 8 ? 'v'.repeat(6000) : '1' });
    }
    nodes.setLive(nodes.slotOf(9), false, 1);
    nodes.insert(101, undefined);
    const shown = (): unknown =>
      Array.from({ length: 101 }, (_, slot) => [nodes.profile(slot), nodes.key(slot), nodes.flags[slot]]);
    const before = shown();
    const bytes = Buffer.alloc(9 * 3 * MAX_READ_AHEAD);
    for (let at = 0; at < bytes.length; at++) bytes[at] = random.integer(256);
    for (let i = 0; i < 110; i++) bytes.writeUInt32BE(i, i * 9);
    const ahead = new ReadAhead(nodes);
    for (const [at, step, count] of [
      [0, 9, 1000],
      [1, 9, 64],
      [0, 1, 64],
      [bytes.length - 9, 9, 64],
      [0, 9, 0],
    ] as const) {
      ahead.read(bytes, at, step, count);
    }
    expect(shown()).toEqual(before);
    expect(nodes.has(nodes.slotOf(1), NodeFlag.live)).toBe(true);
  });
});
