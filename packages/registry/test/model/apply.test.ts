import { seededRandom } from '@muster/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyEvent } from '../../src/model/apply.ts';
import type { Directory } from '../../src/model/directory.ts';
import { decodeEvent, encodeEvent, eventCodes, type RegistryEvent } from '../../src/model/events.ts';
import { inconsistencies } from '../../src/model/snapshot.ts';
import { NodeFlag } from '../../src/model/node-table.ts';
import { dumpDirectory } from '../support/dump-directory.ts';
import { problemsOf, RandomEvents } from '../support/random-events.ts';
import { emptyDirectory, restored, snapshotOf } from '../support/restore.ts';

/** Applies the event as it comes back from the log. */
function applyStored(state: Directory, event: RegistryEvent, seq: number): void {
  const { type, payload } = encodeEvent(event);
  applyEvent(state, decodeEvent(type, payload) as RegistryEvent, seq);
}

const KEY = Buffer.alloc(32, 1).toString('base64');

function apply(state: Directory, ...events: RegistryEvent[]): void {
  for (const [i, event] of events.entries()) applyEvent(state, event, i + 1);
}

it('keeps every index in step, and comes out the same from the log, with and without a snapshot', () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(300), (seed, snapshotAfter) => {
      const live = emptyDirectory(1);
      const events = new RandomEvents(live, seededRandom(seed));
      const fromLog = emptyDirectory(2);
      let fromSnapshot: Directory | undefined;
      for (let seq = 1; seq <= 300; seq++) {
        const event = events.next();
        applyEvent(live, event, seq);
        applyStored(fromLog, event, seq);
        if (fromSnapshot !== undefined) applyStored(fromSnapshot, event, seq);
        if (seq === snapshotAfter) fromSnapshot = restored(snapshotOf(live), emptyDirectory(3));
        if (seq % 20 === 0) expect([...problemsOf(live)]).toEqual([]);
      }
      expect([...inconsistencies(live)]).toEqual([]);
      expect(dumpDirectory(fromLog)).toEqual(dumpDirectory(live));
      if (fromSnapshot !== undefined) expect(dumpDirectory(fromSnapshot)).toEqual(dumpDirectory(live));
    }),
    { numRuns: 60 },
  );
});

it('marks every node that an event changes, for the read barrier', () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const state = emptyDirectory(1);
      const events = new RandomEvents(state, seededRandom(seed));
      let before = new Map<number, string>();
      for (let seq = 1; seq <= 120; seq++) {
        applyEvent(state, events.next(), seq);
        const after = new Map<number, string>();
        for (const node of dumpDirectory(state).nodes as { id: number }[]) {
          // Who else is found by a name, and how many others trust a node, no answer about the node shows.
          const shown = { ...node, foundByHostname: 0, foundByOwner: 0, trustCount: 0 };
          const slot = state.nodes.slotOf(node.id);
          after.set(node.id, JSON.stringify({ ...shown, flags: shownFlags(state, slot) }));
          if (after.get(node.id) !== before.get(node.id)) expect(state.nodes.changedBy[slot]).toBe(seq);
        }
        before = after;
      }
    }),
    { numRuns: 40 },
  );
});

function shownFlags(state: Directory, slot: number): number {
  return (state.nodes.flags[slot] as number) & 0xff;
}

describe('events', () => {
  it('have numbers that nobody shares', () => {
    expect(new Set(Object.values(eventCodes)).size).toBe(Object.keys(eventCodes).length);
    expect(decodeEvent(999, Buffer.from('{}'))).toBeUndefined();
  });

  it('refuse a state that they do not belong to', () => {
    const state = emptyDirectory();
    expect(() => applyEvent(state, { type: 'node.tags', id: 9, tags: [] }, 5)).toThrow('node 9');
    expect(() => applyEvent(state, { type: 'network.deleted', network: 9 }, 5)).toThrow('network 9');
  });
});

describe('a node that comes back (B-16)', () => {
  function reaped(): Directory {
    const state = emptyDirectory();
    apply(
      state,
      {
        type: 'node.registered',
        id: 1,
        key: KEY,
        at: 10,
        hostname: 'alpha',
        owner: 'ann',
        realAddr: '192.0.2.1:1',
      },
      { type: 'node.tags', id: 1, tags: ['gpu'] },
      { type: 'node.visibility', id: 1, public: true },
      { type: 'node.external_id', id: 1, externalId: 'x-1' },
      { type: 'network.created', id: 1, name: 'one', joinRule: 'open', enterprise: false, creator: 1, at: 1 },
      { type: 'nodes.reaped', ids: [1], at: 50 },
    );
    return state;
  }

  it('has its name, tags, visibility, networks and external id again', () => {
    const state = reaped();
    apply(state, { type: 'node.reclaimed', id: 1, at: 60, realAddr: '192.0.2.2:2' });
    const slot = state.nodes.liveSlotOf(1);
    expect(state.nodes.profile(slot)).toMatchObject({
      networks: [0, 1],
      hostname: 'alpha',
      owner: 'ann',
      tags: ['gpu'],
      externalId: 'x-1',
      realAddr: '192.0.2.2:2',
    });
    expect(state.nodes.has(slot, NodeFlag.public)).toBe(true);
    expect(state.nodes.slotOfHostname('alpha')).toBe(slot);
  });

  it('comes back without the name that somebody has taken meanwhile', () => {
    const state = reaped();
    const key = Buffer.alloc(32, 2).toString('base64');
    apply(
      state,
      { type: 'node.registered', id: 2, key, at: 90_000, hostname: 'alpha' },
      { type: 'node.reclaimed', id: 1, at: 90_001 },
    );
    expect(state.nodes.profile(state.nodes.slotOf(1)).hostname).toBe('');
    expect(state.nodes.slotOfHostname('alpha')).toBe(state.nodes.slotOf(2));
    expect([...problemsOf(state)]).toEqual([]);
  });

  it('is not in a network that was deleted, or that dropped it, while it was away', () => {
    const state = reaped();
    apply(state, { type: 'network.deleted', network: 1 }, { type: 'node.reclaimed', id: 1, at: 60 });
    expect(state.nodes.profile(state.nodes.slotOf(1)).networks).toEqual([0]);
  });
});

describe('an identity that is forgotten', () => {
  it('takes its memberships and its trust along', () => {
    const state = emptyDirectory();
    const key = Buffer.alloc(32, 2).toString('base64');
    apply(
      state,
      { type: 'node.registered', id: 1, key: KEY, at: 10, hostname: 'alpha', owner: 'ann' },
      { type: 'node.registered', id: 2, key, at: 10 },
      { type: 'network.created', id: 1, name: 'one', joinRule: 'open', enterprise: false, creator: 1, at: 1 },
      { type: 'trust.reported', by: 1, peer: 2 },
      { type: 'trust.reported', by: 2, peer: 1 },
      { type: 'nodes.reaped', ids: [1], at: 50 },
      { type: 'tombstones.evicted', ids: [1] },
    );
    expect(state.nodes.slotOf(1)).toBe(-1);
    expect(state.nodes.slotOfHostname('alpha')).toBe(-1);
    expect(state.nodes.slotOfOwner('ann')).toBe(-1);
    expect(state.trust.size).toBe(0);
    expect(state.networks.get(1)?.memberCount).toBe(0);
    expect([...problemsOf(state)]).toEqual([]);
  });
});
