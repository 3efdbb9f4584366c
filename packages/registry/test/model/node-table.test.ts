import { seededRandom } from '@muster/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emptyProfile, type NodeProfile } from '../../src/model/node-profile.ts';
import { NodeFlag, NodeTable } from '../../src/model/node-table.ts';

const CAPACITY = 24;
const NAMES = ['', 'alpha', 'beta', 'gamma', 'ümlaut', 'x'.repeat(60)];

interface ModelNode {
  key: number | undefined;
  profile: NodeProfile;
  live: boolean;
  holdsHostname: boolean;
}

const id = fc.integer({ min: 1, max: 30 });
const name = fc.constantFrom(...NAMES);
const keyNumber = fc.integer({ min: 1, max: 100 });

const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('insert' as const),
      id,
      key: fc.option(keyNumber, { nil: undefined }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('profile' as const),
      id,
      hostname: name,
      owner: name,
      big: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('live' as const), id, on: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('release' as const), id }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('take' as const), id }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('key' as const), id, key: keyNumber }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('erase' as const), id }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function keyOf(number: number): Buffer {
  return Buffer.from(seededRandom(number).bytes(32));
}

/** A table and a naive model of it, in step. */
class Pair {
  readonly table = new NodeTable(CAPACITY, seededRandom(5));
  readonly model = new Map<number, ModelNode>();

  run(one: Step): void {
    const known = this.model.get(one.id);
    const slot = this.table.slotOf(one.id);
    expect(slot >= 0).toBe(known !== undefined);
    if (one.do === 'insert') {
      if (known !== undefined || this.model.size === CAPACITY || this.#keyInUse(one.key)) return;
      this.table.insert(one.id, one.key === undefined ? undefined : keyOf(one.key));
      this.model.set(one.id, { key: one.key, profile: emptyProfile, live: false, holdsHostname: false });
      return;
    }
    if (known === undefined) return;
    switch (one.do) {
      case 'profile':
        return this.#setProfile(one, known, slot);
      case 'live':
        this.table.setLive(slot, one.on, 5);
        known.live = one.on;
        return;
      case 'release':
        this.table.releaseHostname(slot);
        known.holdsHostname = false;
        return;
      case 'take':
        this.table.takeHostname(slot);
        return this.#take(known);
      case 'key':
        if (this.#keyInUse(one.key)) return;
        this.table.setKey(slot, keyOf(one.key));
        known.key = one.key;
        return;
      case 'erase':
        this.table.erase(slot);
        this.model.delete(one.id);
        return;
      default:
        one satisfies never;
    }
  }

  #setProfile(one: Extract<Step, { do: 'profile' }>, known: ModelNode, slot: number): void {
    const ownerTaken = [...this.model.values()].some(
      (other) => other !== known && other.profile.owner === one.owner,
    );
    const profile: NodeProfile = {
      ...emptyProfile,
      networks: [0, 7],
      hostname: one.hostname,
      owner: ownerTaken ? '' : one.owner,
      realAddr: one.big ? 'a'.repeat(6000) : '1.2.3.4:5',
      rare: one.big ? { badge: 'b' } : {},
    };
    this.table.setProfile(slot, profile);
    const takes = known.holdsHostname || known.profile.hostname !== one.hostname;
    known.profile = profile;
    if (takes) this.#take(known);
  }

  #take(node: ModelNode): void {
    if (node.profile.hostname !== '') {
      for (const other of this.model.values()) {
        if (other.profile.hostname === node.profile.hostname) other.holdsHostname = false;
      }
    }
    node.holdsHostname = node.profile.hostname !== '';
  }

  #keyInUse(key: number | undefined): boolean {
    return key !== undefined && [...this.model.values()].some((node) => node.key === key);
  }

  check(): void {
    const { table, model } = this;
    const find = (test: (node: ModelNode) => boolean): number =>
      [...model].find(([, node]) => test(node))?.[0] ?? 0;
    const idAt = (slot: number): number => (slot < 0 ? 0 : table.idOf(slot));
    expect(table.liveCount).toBe([...model.values()].filter((node) => node.live).length);
    expect(table.tombstoneCount).toBe([...model.values()].filter((node) => !node.live).length);
    expect(table.keyCount).toBe([...model.values()].filter((node) => node.key !== undefined).length);
    for (const text of NAMES) {
      if (text === '') continue;
      const holder = find((node) => node.holdsHostname && node.profile.hostname === text);
      expect(idAt(table.slotOfHostname(text))).toBe(holder);
      expect(idAt(table.slotOfOwner(text))).toBe(find((node) => node.profile.owner === text));
    }
    for (let key = 1; key <= 100; key++) {
      expect(idAt(table.slotOfKey(keyOf(key)))).toBe(find((node) => node.key === key));
    }
    for (const [nodeId, node] of model) {
      const slot = table.slotOf(nodeId);
      expect(table.profile(slot)).toEqual(node.profile);
      expect(table.has(slot, NodeFlag.hasBadge)).toBe(node.profile.rare.badge !== undefined);
      expect(table.liveSlotOf(nodeId)).toBe(node.live ? slot : -1);
      expect(table.key(slot)?.toString('hex')).toBe(
        node.key === undefined ? undefined : keyOf(node.key).toString('hex'),
      );
    }
  }
}

it('finds every node by id, key, hostname and owner, whatever has happened', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const pair = new Pair();
      for (const one of steps) pair.run(one);
      pair.check();
    }),
    { numRuns: 200 },
  );
});

describe('the table', () => {
  it('refuses a node more than it has slots', () => {
    const table = new NodeTable(2, seededRandom(1));
    table.insert(1, undefined);
    table.insert(2, undefined);
    expect(() => table.insert(3, undefined)).toThrow('full');
    table.erase(table.slotOf(1));
    expect(table.insert(3, undefined)).toBe(0);
  });

  it('starts a slot that is used again from nothing', () => {
    const table = new NodeTable(2, seededRandom(1));
    const slot = table.insert(1, keyOf(1));
    table.setLive(slot, true, 0);
    table.setFlag(slot, NodeFlag.public, true);
    table.setFlag(slot, NodeFlag.signatureVerified, true);
    table.setKeyMeta(slot, { createdAt: 1, rotatedAt: 2, rotateCount: 3, expiresAt: 4 });
    table.lastSeen[slot] = 9;
    const version = table.keyVersion[slot] as number;
    table.erase(slot);
    expect(table.insert(2, keyOf(2))).toBe(slot);
    expect(table.flags[slot]).toBe(NodeFlag.hasKey);
    for (const column of [
      table.lastSeen,
      table.createdAt,
      table.rotatedAt,
      table.rotateCount,
      table.expiresAt,
    ]) {
      expect(column[slot]).toBe(0);
    }
    expect(table.keyVersion[slot]).toBeGreaterThan(version);
  });

  it('gives the key a new version when it changes', () => {
    const table = new NodeTable(2, seededRandom(1));
    const slot = table.insert(1, keyOf(1));
    const version = table.keyVersion[slot] as number;
    table.setKey(slot, keyOf(2));
    expect(table.keyVersion[slot]).toBe(version + 1);
    expect(table.slotOfKey(keyOf(1))).toBe(-1);
  });

  it('announces every slot before it changes', () => {
    const table = new NodeTable(4, seededRandom(1));
    const a = table.insert(1, keyOf(1));
    const b = table.insert(2, keyOf(2));
    table.setProfile(a, { ...emptyProfile, hostname: 'alpha' });
    const announced: string[] = [];
    table.beforeChange = (slot) => announced.push(`${table.idOf(slot)} ${table.profile(slot).hostname}`);
    table.setProfile(b, { ...emptyProfile, hostname: 'alpha' });
    expect(announced).toContain('1 alpha');
    expect(announced).toContain('2 ');
    announced.length = 0;
    table.releaseHostname(b);
    expect(announced).toEqual(['2 alpha']);
  });
});
