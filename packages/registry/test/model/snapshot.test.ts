import { seededRandom } from '@muster/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyEvent } from '../../src/model/apply.ts';
import type { Directory } from '../../src/model/directory.ts';
import type { RegistryEvent } from '../../src/model/events.ts';
import { BlockKind, restoreBlock, type SnapshotBlock, SnapshotCapture } from '../../src/model/snapshot.ts';
import { dumpDirectory } from '../support/dump-directory.ts';
import { problemsOf, RandomEvents } from '../support/random-events.ts';
import { emptyDirectory, restored, snapshotOf } from '../support/restore.ts';

const key = (n: number): string => Buffer.alloc(32, n).toString('base64');

/** A directory with nodes whose profiles are large enough to fill several blocks. */
function bigDirectory(nodes: number, seed = 1): Directory {
  const state = emptyDirectory(seed);
  const random = seededRandom(seed);
  for (let id = 1; id <= nodes; id++) {
    applyEvent(
      state,
      {
        type: 'node.registered',
        id,
        key: Buffer.from(random.bytes(32)).toString('base64'),
        at: 1000 + id,
        hostname: `host-${id}`,
        owner: 'o'.repeat(200) + String(id),
        lanAddrs: Array.from({ length: 16 }, (_, i) => `10.0.${i}.1:4000`),
        realAddr: '192.0.2.1:4000',
      },
      id,
    );
  }
  return state;
}

describe('a capture', () => {
  it('shows the state as of its beginning, whatever happens while it is drawn; what came later follows', () => {
    fc.assert(
      fc.property(fc.nat(), fc.array(fc.nat(12), { minLength: 1, maxLength: 12 }), (seed, bursts) => {
        const live = bigDirectory(400, seed + 1);
        const events = new RandomEvents(live, seededRandom(seed));
        let seq = 400;
        const run = (count: number): RegistryEvent[] =>
          Array.from({ length: count }, () => {
            const event = events.next();
            applyEvent(live, event, ++seq);
            return event;
          });
        run(80);
        const asOfBegin = dumpDirectory(live);
        const capture = new SnapshotCapture(live, 1);
        const later: RegistryEvent[] = [];
        const blocks: SnapshotBlock[] = [];
        for (const { kind, bytes } of capture.blocks()) {
          blocks.push({ kind, bytes: Buffer.from(bytes) });
          later.push(...run(bursts[blocks.length % bursts.length] ?? 0));
        }
        capture.end();
        expect(blocks.length).toBeGreaterThan(3);
        const copy = restored(blocks, emptyDirectory(9));
        expect(dumpDirectory(copy)).toEqual(asOfBegin);
        for (const event of later) applyEvent(copy, event, ++seq);
        expect(dumpDirectory(copy)).toEqual(dumpDirectory(live));
        expect([...problemsOf(copy)]).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });

  it('shows a hostname with the node that held it at the beginning, though another has taken it since', () => {
    const state = emptyDirectory();
    applyEvent(state, { type: 'node.registered', id: 1, key: key(1), at: 10, hostname: 'alpha' }, 1);
    applyEvent(state, { type: 'nodes.reaped', ids: [1], at: 20 }, 2);
    applyEvent(state, { type: 'node.registered', id: 2, key: key(2), at: 30 }, 3);
    const asOfBegin = dumpDirectory(state);
    const capture = new SnapshotCapture(state, 1);
    applyEvent(state, { type: 'node.hostname', id: 2, hostname: 'alpha' }, 4);
    const blocks = [...capture.blocks()].map(({ kind, bytes }) => ({ kind, bytes: Buffer.from(bytes) }));
    capture.end();
    expect(dumpDirectory(restored(blocks))).toEqual(asOfBegin);
  });

  it('keeps times of the last signs of life', () => {
    const state = bigDirectory(10);
    state.nodes.lastSeen[state.nodes.slotOf(3)] = 77_777;
    const copy = restored(snapshotOf(state));
    expect(copy.nodes.lastSeen[copy.nodes.slotOf(3)]).toBe(77_777);
    expect(copy.nodes.lastSeen[copy.nodes.slotOf(4)]).toBe(1004);
  });

  it('keeps what an import carried', () => {
    const state = emptyDirectory();
    state.carried = { audit_log: [{ action: 'x' }], invites: {} };
    expect(restored(snapshotOf(state)).carried).toEqual(state.carried);
  });

  it('excludes a second one until it ends', () => {
    const state = bigDirectory(3);
    const first = new SnapshotCapture(state, 1);
    expect(() => new SnapshotCapture(state, 2)).toThrow('another snapshot');
    first.end();
    expect(dumpDirectory(restored(snapshotOf(state, 2)))).toEqual(dumpDirectory(state));
  });

  it('can be given up and begun again', () => {
    const state = bigDirectory(1000);
    applyEvent(state, { type: 'trust.reported', by: 1, peer: 2 }, 2000);
    const first = new SnapshotCapture(state, 1);
    for (const block of first.blocks()) if (block.kind === BlockKind.nodes) break;
    applyEvent(state, { type: 'node.tags', id: 999, tags: ['late'] }, 2001);
    first.end();
    expect(dumpDirectory(restored(snapshotOf(state, 2)))).toEqual(dumpDirectory(state));
  });

  it('draws blocks that stay small, so that none holds the loop', () => {
    const state = bigDirectory(2000);
    const sizes = snapshotOf(state).map((block) => block.bytes.length);
    expect(sizes.length).toBeGreaterThan(8);
    expect(Math.max(...sizes)).toBeLessThan(140_000);
  });
});

describe('restoring', () => {
  it('refuses a block of an unknown kind', () => {
    expect(() => restoreBlock(emptyDirectory(), 99, Buffer.alloc(4))).toThrow('unknown kind 99');
  });

  it('refuses nodes that are cut off or occur twice', () => {
    const nodes = snapshotOf(bigDirectory(3)).find((block) => block.kind === BlockKind.nodes);
    const bytes = Buffer.from(nodes?.bytes ?? []);
    expect(() =>
      restoreBlock(emptyDirectory(), BlockKind.nodes, bytes.subarray(0, bytes.length - 1)),
    ).toThrow();
    const twice = emptyDirectory();
    restoreBlock(twice, BlockKind.nodes, bytes);
    expect(() => restoreBlock(twice, BlockKind.nodes, bytes)).toThrow('node 1');
  });

  it('refuses members of a network that is not there', () => {
    const bytes = Buffer.from([0, 9, 0, 0, 0, 1]);
    expect(() => restoreBlock(emptyDirectory(), BlockKind.members, bytes)).toThrow('does not hold');
  });
});
