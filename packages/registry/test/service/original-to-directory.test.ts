import { seededRandom } from '@muster/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchesSecret } from '../../src/auth/secrets.ts';
import { Directory } from '../../src/model/directory.ts';
import { NodeFlag } from '../../src/model/node-table.ts';
import { inconsistencies, restoreBlock, SnapshotCapture } from '../../src/model/snapshot.ts';
import { encodeOriginalKey, parseOriginalSnapshot } from '../../src/original/index.ts';
import type { OriginalStore } from '../../src/original/index.ts';
import { sourceFromDirectory } from '../../src/service/original-from-directory.ts';
import { type TransferNote, TransferNotes } from '../../src/service/original-notes.ts';
import { fillDirectory } from '../../src/service/original-to-directory.ts';
import { dumpDirectory } from '../support/dump-directory.ts';
import { snapshotOf } from '../original/fixtures.ts';
import { NOW_MS, snapshotBytes } from './original-support.ts';

interface Filled {
  readonly state: Directory;
  readonly notes: readonly TransferNote[];
}

const limits = { maxNodes: 100, maxTombstones: 100 };
const key = (fill: number): string => encodeOriginalKey(new Uint8Array(32).fill(fill));

/** Fills a directory from a snapshot with these members; `nodes` and `networks` by id, without their ids. */
function filled(members: {
  nodes?: Record<number, object>;
  networks?: Record<number, object>;
  [name: string]: unknown;
}): Filled {
  const withIds = (entries: Record<number, object> = {}): Record<string, object> =>
    Object.fromEntries(Object.entries(entries).map(([id, entry]) => [id, { id: Number(id), ...entry }]));
  const nodes = withIds(members.nodes);
  const backbone = {
    id: 0,
    name: 'backbone',
    join_rule: 'open',
    members: Object.keys(nodes).map(Number),
    created: '',
  };
  const networks = { '0': backbone, ...withIds(members.networks) };
  const file = snapshotOf({ next_node: 90, next_net: 90, ...members, nodes, networks });
  return fill(parseOriginalSnapshot(file).store);
}

function fill(store: OriginalStore): Filled {
  const state = new Directory(seededRandom(1), limits);
  const notes = new TransferNotes();
  for (const _ of fillDirectory(state, store, context(notes))) continue;
  return { state, notes: notes.list() };
}

function context(notes: TransferNotes) {
  return { random: seededRandom(2), nowSeconds: NOW_MS / 1000, onlineSeconds: 1_800, notes };
}

function exported(state: Directory): OriginalStore {
  const { source } = sourceFromDirectory(state, context(new TransferNotes()));
  return parseOriginalSnapshot(snapshotBytes(source as OriginalStore)).store;
}

function codes(notes: readonly TransferNote[]): string[] {
  return notes.map(({ code, count }) => `${code} ${count}`).sort();
}

const node = (fill: number, rest: object = {}) => ({ public_key: key(fill), networks: [0], ...rest });
const network = (name: string, members: number[], rest: object = {}) => ({
  name,
  join_rule: 'open',
  members,
  created: '2026-06-01T00:00:00Z',
  ...rest,
});

describe('names and keys that two nodes have', () => {
  it('the first node is found by the hostname and the owner label; the other keeps them', () => {
    const both = { hostname: 'same', owner: 'anna' };
    const { state, notes } = filled({ nodes: { 3: node(3, both), 4: node(4, both) } });
    const { nodes } = state;
    expect(nodes.slotOfHostname('same')).toBe(nodes.slotOf(3));
    expect(nodes.slotOfOwner('anna')).toBe(nodes.slotOf(3));
    expect(nodes.has(nodes.slotOf(4), NodeFlag.ownsHostname)).toBe(false);
    expect(nodes.profile(nodes.slotOf(4))).toMatchObject(both);
    expect(codes(notes)).toEqual(['HOSTNAME_TAKEN 1', 'OWNER_TAKEN 1']);
    expect(exported(state).nodes.get(4)).toMatchObject(both);
    // A name that came second is free once the first lets it go.
    nodes.releaseHostname(nodes.slotOf(3));
    expect(nodes.slotOfHostname('same')).toBe(-1);
  });

  it('a shared key leads to the node that the key index names', () => {
    const { state, notes } = filled({
      nodes: { 3: node(9), 4: node(9) },
      pub_key_idx: { [key(9)]: 4 },
    });
    const { nodes } = state;
    expect(nodes.slotOfKey(Buffer.alloc(32, 9))).toBe(nodes.slotOf(4));
    expect(nodes.key(nodes.slotOf(3))).toEqual(Buffer.alloc(32, 9));
    expect(codes(notes)).toEqual(['KEY_SHARED 1']);
    expect(exported(state).pubKeyIdx.get(key(9))).toBe(4);
    expect(exported(state).nodes.size).toBe(2);
  });

  it('the key index gives no second key to anybody', () => {
    const { state, notes } = filled({
      nodes: { 3: node(3) },
      pub_key_idx: { [key(7)]: 3, [key(5)]: 8, [key(6)]: 8, nonsense: 9, [key(4)]: 0 },
    });
    expect(state.nodes.slotOfKey(Buffer.alloc(32, 7))).toBe(-1);
    expect(state.nodes.slotOfKey(Buffer.alloc(32, 5))).toBe(state.nodes.slotOf(8));
    expect(state.nodes.slotOfKey(Buffer.alloc(32, 6))).toBe(-1);
    expect(codes(notes)).toEqual(['KEY_ENTRY_DROPPED 4']);
  });
});

describe('memberships, roles and trust', () => {
  it('follow the lists of the networks', () => {
    const { state, notes } = filled({
      nodes: { 3: node(3, { networks: [0, 2, 77] }), 4: node(4, { networks: [0, 1] }) },
      networks: { 1: network('one', [3, 4]), 2: network('two', []) },
    });
    const networksOf = (id: number) => state.nodes.profile(state.nodes.slotOf(id)).networks;
    expect(networksOf(3)).toEqual([0, 1]);
    expect(networksOf(4)).toEqual([0, 1]);
    expect(state.shareNetwork(state.nodes.slotOf(3), state.nodes.slotOf(4))).toBe(true);
    expect(codes(notes)).toEqual(['MEMBERSHIP_ADDED 1', 'MEMBERSHIP_DROPPED 2']);
    expect([...inconsistencies(state)]).toEqual([]);
  });

  it('a role or tags of a node that is no member do not wait for it', () => {
    const { state, notes } = filled({
      nodes: { 3: node(3, { networks: [0, 1] }), 4: node(4) },
      networks: {
        1: network('one', [3], {
          member_roles: { 3: 'emperor', 4: 'owner' },
          member_tags: { 3: ['x'], 4: ['y'] },
        }),
      },
    });
    const one = state.networks.get(1);
    expect(one?.role(3)).toBe('member');
    one?.add(4, 'member');
    expect(one?.role(4)).toBe('member');
    expect([...(one?.tags ?? [])]).toEqual([[3, ['x']]]);
    expect(codes(notes)).toEqual(['ROLE_DROPPED 2', 'TAGS_DROPPED 1']);
  });

  it('an id of which only memberships or trust are known is never given to a new node', () => {
    const { state, notes } = filled({
      next_node: 4,
      nodes: { 3: node(3, { networks: [0, 1] }) },
      networks: { 1: network('one', [3, 4], { member_roles: { 3: 'owner', 4: 'admin' } }) },
      trust_pairs: ['3:5', '6:6', '0:3'],
    });
    for (const id of [4, 5]) {
      expect(state.nodes.slotOf(id)).toBeGreaterThanOrEqual(0);
      expect(state.nodes.liveSlotOf(id)).toBe(-1);
    }
    expect(state.nodes.slotOf(6)).toBe(-1);
    expect(state.networks.get(1)?.role(4)).toBe('admin');
    expect(state.trust.trusted(5, 3)).toBe(true);
    expect(codes(notes)).toEqual(['IDENTITY_WITHOUT_KEY 2', 'TRUST_DROPPED 2']);
    const back = exported(state);
    expect(back.networks.get(1)?.members).toEqual([3, 4]);
    expect(back.trustPairs).toEqual([[3, 5]]);
    expect([...back.pubKeyIdx]).toEqual([[key(3), 3]]);
    expect(back.nextNode).toBe(4);
  });
});

describe('values that do not fit', () => {
  it('are cut or brought into range, and noted', () => {
    const { state, notes } = filled({
      nodes: {
        3: node(3, {
          hostname: 'é'.repeat(200),
          lan_addrs: Array.from({ length: 300 }, (_, i) => `10.0.0.${i}:1`),
          key_created: '1960-01-01T00:00:00Z',
          key_expires: '2200-01-01T00:00:00Z',
          key_rot_count: -4,
          version: 'v1',
        }),
      },
    });
    const slot = state.nodes.slotOf(3);
    const profile = state.nodes.profile(slot);
    expect(profile.hostname).toBe('é'.repeat(127));
    expect(profile.lanAddrs).toHaveLength(255);
    expect(profile.version).toBe('v1');
    expect([state.nodes.createdAt[slot], state.nodes.rotateCount[slot]]).toEqual([1, 0]);
    // Still far away, and not "never".
    expect(state.nodes.expiresAt[slot]).toBe(0xffff_ffff);
    expect(codes(notes)).toEqual(['CUT 2', 'OUT_OF_RANGE 3']);
  });

  it('used-up id spaces stay used up', () => {
    const { state } = filled({ next_node: 0, next_net: 0, nodes: { 3: node(3) } });
    expect([state.nextNode, state.nextNetwork]).toEqual([2 ** 32, 65_536]);
    const { nextNode, nextNet } = exported(state);
    expect([nextNode, nextNet]).toEqual([0, 0]);
  });

  it('an unreadable key comes back as it was; the node has none', () => {
    const { state } = filled({ nodes: { 3: { public_key: 'not a key', networks: [0] } } });
    expect(state.nodes.key(state.nodes.liveSlotOf(3))).toBeUndefined();
    expect(exported(state).nodes.get(3)?.asWritten).toEqual({ public_key: 'not a key' });
    // Not any more once it has one.
    state.nodes.setKey(state.nodes.liveSlotOf(3), Buffer.alloc(32, 8));
    expect(exported(state).nodes.get(3)?.publicKey).toEqual(new Uint8Array(32).fill(8));
  });

  it('null lists of a network and of its policy come back as null', () => {
    const policy = { max_members: 1, allowed_ports: null, description: '' };
    const { state } = filled({ networks: { 1: { ...network('one', []), members: null, policy } } });
    const back = exported(state).networks.get(1);
    expect(back?.asWritten).toEqual({ members: null });
    expect(back?.policy?.asWritten).toEqual({ allowed_ports: null });
  });
});

describe('tokens', () => {
  it('are compared with their hashes from then on, and an export does not open a network', () => {
    const { state, notes } = filled({
      networks: {
        1: network('one', [], { join_rule: 'token', token: 'letmein', admin_token: 'x'.repeat(300) }),
      },
    });
    const profile = state.networks.get(1)?.profile;
    if (profile?.token === undefined) throw new Error('no token');
    expect(matchesSecret('letmein', profile.token)).toBe(true);
    expect(matchesSecret('letmeout', profile.token)).toBe(false);
    expect(JSON.stringify(profile)).not.toContain('letmein');
    expect(codes(notes)).toEqual(['TOKEN_TOO_LONG 1']);
    const first = exported(state).networks.get(1);
    expect(first?.joinRule).toBe('token');
    expect(first?.token).toMatch(/^[\w-]{43}$/);
  });
});

describe('members that the format does not know', () => {
  it('are kept where there is a place for them; the others are noted', () => {
    const { state, notes } = filled({
      nodes: { 3: node(3, { polo_score: 5, __proto__: undefined }) },
      networks: { 1: network('one', [], { colour: 'red', policy: { max_members: 1, extra: 1 } }) },
      future: { a: 1 },
      audit_log: [{ timestamp: '', action: 'a', details: '', severity: 3 }],
      idp_config: { type: 'oidc', url: 'https://i', realm: 'r' },
    });
    expect(state.nodes.profile(state.nodes.slotOf(3)).rare.unknown).toEqual({ polo_score: 5 });
    expect(state.carried).toMatchObject({
      unknown_members: { future: { a: 1 } },
      network_unknown_members: { '1': { colour: 'red' } },
    });
    expect(notes.find(({ code }) => code === 'UNKNOWN_MEMBER_DROPPED')?.examples.toSorted()).toEqual([
      'audit_log.0.severity',
      'idp_config.realm',
      'networks.1.policy.extra',
    ]);
  });
});

/** Stores that agree with themselves in nothing. */
const anyDisagreement = fc
  .record({
    nodes: fc.uniqueArray(
      fc.record({
        id: fc.integer({ min: 1, max: 8 }),
        key: fc.integer({ min: 0, max: 5 }),
        networks: fc.array(fc.nat({ max: 5 }), { maxLength: 4 }),
        hostname: fc.constantFrom('', 'a', 'b'),
        owner: fc.constantFrom('', 'o', 'p'),
      }),
      { selector: ({ id }) => id, maxLength: 6 },
    ),
    networks: fc.uniqueArray(
      fc.record({
        id: fc.nat({ max: 4 }),
        members: fc.array(fc.nat({ max: 9 }), { maxLength: 6 }),
        roles: fc.dictionary(
          fc.constantFrom('1', '2', '9'),
          fc.constantFrom('owner', 'admin', 'member', 'x'),
        ),
        tags: fc.dictionary(fc.constantFrom('1', '2', '9'), fc.constant(['t'])),
      }),
      { selector: ({ id }) => id, maxLength: 4 },
    ),
    trust: fc.array(fc.tuple(fc.nat({ max: 9 }), fc.nat({ max: 9 })), { maxLength: 5 }),
    index: fc.array(fc.tuple(fc.integer({ min: 1, max: 8 }), fc.nat({ max: 9 })), { maxLength: 5 }),
  })
  .map(({ nodes, networks, trust, index }) =>
    snapshotOf({
      nodes: Object.fromEntries(
        nodes.map(({ key: fillByte, ...rest }) => [
          rest.id,
          { ...rest, public_key: fillByte === 0 ? '' : key(fillByte) },
        ]),
      ),
      networks: Object.fromEntries(
        networks.map(({ id, members, roles, tags }) => [
          id,
          { id, ...network(`n${id % 2}`, members), member_roles: roles, member_tags: tags },
        ]),
      ),
      trust_pairs: trust.map(([a, b]) => `${Math.min(a, b)}:${Math.max(a, b)}`),
      pub_key_idx: Object.fromEntries(index.map(([fillByte, id]) => [key(fillByte), id])),
    }),
  );

describe('any store, however it disagrees with itself', () => {
  it('becomes a directory that agrees with itself, survives a snapshot, and exports to a fixed point', () => {
    fc.assert(
      fc.property(anyDisagreement, (file) => {
        const { store } = parseOriginalSnapshot(file);
        const { state } = fill(store);
        expect([...inconsistencies(state)]).toEqual([]);
        expect(state.nodes.liveCount).toBe(store.nodes.size);
        const capture = new SnapshotCapture(state, 1);
        const copy = new Directory(seededRandom(3), limits);
        for (const { kind, bytes } of capture.blocks()) restoreBlock(copy, kind, Buffer.from(bytes));
        capture.end();
        expect(dumpDirectory(copy)).toEqual(dumpDirectory(state));
        const once = exported(state);
        const again = exported(fill(exported(state)).state);
        expect({ ...again, ownerIdx: new Map() }).toEqual({ ...once, ownerIdx: new Map() });
      }),
      { numRuns: 200 },
    );
  });
});
