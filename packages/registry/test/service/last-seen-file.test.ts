import { FaultStorage, MemoryStorage, seededRandom } from '@muster/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NodeTable } from '../../src/model/node-table.ts';
import {
  encodeLastSeen,
  loadLastSeen,
  restoreLastSeen,
  saveLastSeen,
} from '../../src/service/last-seen-file.ts';

function encode(nodes: NodeTable): Buffer {
  const steps = encodeLastSeen(nodes);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return Buffer.from(step.value);
  }
}

function tableOf(entries: Iterable<readonly [id: number, seen: number]>): NodeTable {
  const nodes = new NodeTable(64, seededRandom(1));
  for (const [id, seen] of entries) {
    const slot = nodes.insert(id, undefined);
    nodes.setLive(slot, true, 0);
    nodes.lastSeen[slot] = seen;
  }
  return nodes;
}

const entries = fc
  .uniqueArray(fc.tuple(fc.integer({ min: 1, max: 0xffff_ffff }), fc.integer({ min: 0, max: 0xffff_ffff })), {
    selector: ([id]) => id,
    maxLength: 60,
  })
  .map((list) => new Map(list));

describe('the times of the last signs of life', () => {
  it('come back, whatever the ids and times', () => {
    fc.assert(
      fc.property(entries, (times) => {
        const empty = tableOf([...times.keys()].map((id) => [id, 0] as const).toReversed());
        expect(restoreLastSeen(empty, encode(tableOf(times)))).toBe(times.size);
        for (const [id, seen] of times) expect(empty.lastSeen[empty.slotOf(id)]).toBe(seen);
      }),
    );
  });

  it('leave newer ones in memory as they are, and skip nodes that are not known any more', () => {
    const bytes = encode(
      tableOf([
        [1, 100],
        [2, 200],
        [3, 300],
      ]),
    );
    const nodes = tableOf([
      [1, 150],
      [3, 250],
    ]);
    expect(restoreLastSeen(nodes, bytes)).toBe(2);
    expect(nodes.lastSeen[nodes.slotOf(1)]).toBe(150);
    expect(nodes.lastSeen[nodes.slotOf(3)]).toBe(300);
  });

  it('take a few bytes a node', () => {
    const nodes = tableOf(Array.from({ length: 60 }, (_, i) => [i + 1, 1_780_000_000 - i * 20] as const));
    expect(encode(nodes).length).toBeLessThan(8 + 60 * 3);
  });

  it('are written to a file and read from it', async () => {
    const storage = new MemoryStorage();
    await storage.makeDirectory('/data');
    expect(await loadLastSeen(storage, '/data/last-seen')).toBeUndefined();
    await saveLastSeen(storage, '/data/last-seen', encode(tableOf([[7, 700]])));
    const nodes = tableOf([[7, 0]]);
    restoreLastSeen(nodes, (await loadLastSeen(storage, '/data/last-seen')) as Buffer);
    expect(nodes.lastSeen[0]).toBe(700);
  });

  it('are those of before or of after when writing them breaks off anywhere', async () => {
    const prepared = async (): Promise<FaultStorage> => {
      const storage = new FaultStorage();
      await storage.makeDirectory('/data');
      await storage.syncDirectory('/');
      await saveLastSeen(storage, '/data/last-seen', encode(tableOf([[7, 100]])));
      return storage;
    };
    const seen = new Set<number | undefined>();
    for (let change = 1; change < 12; change++) {
      const storage = await prepared();
      storage.inject({ at: storage.changes + change, code: 'EIO', writtenBytes: 3 });
      await saveLastSeen(storage, '/data/last-seen', encode(tableOf([[7, 200]]))).catch(() => undefined);
      const after = storage.restart();
      const nodes = tableOf([[7, 0]]);
      restoreLastSeen(nodes, (await loadLastSeen(after, '/data/last-seen')) as Buffer);
      seen.add(nodes.lastSeen[0]);
    }
    expect([...seen].sort()).toEqual([100, 200]);
  });
});
