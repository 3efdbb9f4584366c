import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { emptyProfile, type NodeProfile } from '../../src/model/node-profile.ts';
import { NodeFlag } from '../../src/model/node-table.ts';
import {
  binaryFrame,
  encodeHeartbeatRequest,
  encodeLookupOk,
  encodeLookupRequest,
  encodeResolveOk,
  encodeResolveRequest,
  formatRfc3339,
  OPCODE,
} from '../../src/wire/index.ts';
import { Bench, type BenchOptions, identity, type Json, type Peer, signed } from './support/harness.ts';

const BEACON = '203.0.113.53:9001';
const requester = identity(1);
const target = identity(2);

/** Node 1 asks, node 2 is asked for. */
function bench(options: BenchOptions = {}): Bench {
  const made = new Bench({ ...options, policy: { beaconAddress: BEACON, ...options.policy } });
  made.addNode(1, requester);
  made.addNode(2, target);
  return made;
}

const beat = (id: number, key = requester): Buffer =>
  encodeHeartbeatRequest({ nodeId: id, signature: key.signBytes(`heartbeat:${id}`) });
const badBeat = (id: number): Buffer =>
  encodeHeartbeatRequest({ nodeId: id, signature: new Uint8Array(64).fill(1) });
const resolve = (id: number, by: number, key = requester): Buffer =>
  encodeResolveRequest({ nodeId: id, requesterId: by, signature: key.signBytes(`resolve:${by}:${id}`) });

async function answerTo(peer: Peer, frame: Buffer): Promise<Json | string> {
  const before = peer.frames.length;
  peer.send(frame);
  return (await peer.receives(before + 1))[before] as Json | string;
}

/** A node as imports make them: without a key. */
function addKeyless(made: Bench, id: number): number {
  const { nodes } = made.engine.state;
  const slot = nodes.insert(id, undefined);
  nodes.setProfile(slot, { ...emptyProfile, networks: [0], realAddr: '198.51.100.1:1' });
  nodes.setLive(slot, true, 0);
  return slot;
}

const text = (maxBytes: number): fc.Arbitrary<string> =>
  fc
    .oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.constant('n'.repeat(maxBytes)),
      fc.constant('ä'.repeat(Math.floor(maxBytes / 2))),
    )
    .filter((value) => Buffer.byteLength(value) <= maxBytes);

const profiles: fc.Arbitrary<NodeProfile> = fc
  .record({
    networkCount: fc.oneof(fc.nat({ max: 5 }), fc.constantFrom(1023, 1024, 1025, 1500)),
    hostname: text(255),
    tags: fc.oneof(
      fc.array(text(255), { maxLength: 10 }),
      fc.constant(Array.from({ length: 255 }, (_, i) => `tag-${i}`)),
    ),
    realAddr: fc.oneof(fc.constant(''), text(300), fc.constant('r'.repeat(5000))),
    version: text(64),
    lanAddrs: fc.array(text(64), { maxLength: 16 }),
    owner: text(256),
    externalId: text(256),
  })
  .map(({ networkCount, ...rest }) => ({
    ...rest,
    networks: Array.from({ length: networkCount }, (_, i) => (i * 41) % 65_536),
    rare: {},
  }));

const flags = fc.record({
  public: fc.boolean(),
  relayOnly: fc.boolean(),
  taskExec: fc.boolean(),
  hasKey: fc.boolean(),
});

describe('lookup', () => {
  test('replies equal those of the reference encoder, whatever the node is like', () => {
    const made = bench();
    const { nodes } = made.engine.state;
    const keyed = nodes.liveSlotOf(2);
    const keyless = addKeyless(made, 3);
    const peer = made.connect('binary');
    fc.assert(
      fc.property(profiles, flags, fc.constantFrom(1, 2, 5, 70), (profile, is, repeats) => {
        const slot = is.hasKey ? keyed : keyless;
        const id = is.hasKey ? 2 : 3;
        nodes.setProfile(slot, profile);
        nodes.setFlag(slot, NodeFlag.public, is.public);
        nodes.setFlag(slot, NodeFlag.relayOnly, is.relayOnly);
        nodes.setFlag(slot, NodeFlag.taskExec, is.taskExec);
        const expected = encodeLookupOk({
          nodeId: id,
          public: is.public,
          taskExec: is.taskExec,
          networks: profile.networks,
          publicKey: is.hasKey ? target.publicKey : new Uint8Array(0),
          hostname: profile.hostname,
          tags: profile.tags,
          realAddr: is.public ? (is.relayOnly ? BEACON : profile.realAddr) : '',
          externalId: '',
        });
        const before = peer.bytes.length;
        peer.send(Buffer.concat(Array.from({ length: repeats }, () => encodeLookupRequest({ nodeId: id }))));
        const got = peer.bytes.subarray(before);
        expect(got.equals(Buffer.concat(Array.from({ length: repeats }, () => expected)))).toBe(true);
      }),
      { numRuns: 250 },
    );
  });

  test('answers that are larger than the room for a round come whole and in order', () => {
    const made = bench();
    const { nodes } = made.engine.state;
    const slot = nodes.liveSlotOf(2);
    nodes.setProfile(slot, { ...emptyProfile, realAddr: 'a'.repeat(65_535), hostname: 'h', networks: [0] });
    nodes.setFlag(slot, NodeFlag.public, true);
    const peer = made.connect('binary');
    const big = encodeLookupRequest({ nodeId: 2 });
    const small = encodeLookupRequest({ nodeId: 1 });
    peer.send(Buffer.concat([small, big, small, big, big, small, encodeLookupRequest({ nodeId: 99 })]));
    expect(peer.frames.map((frame) => [frame[0], frame.length > 60_000])).toEqual([
      [0x82, false],
      [0x82, true],
      [0x82, false],
      [0x82, true],
      [0x82, true],
      [0x82, false],
      [0xff, false],
    ]);
    expect(peer.frames[1]).toEqual(peer.frames[3]);
  });

  test('a relay-only node without a beacon shows no address', async () => {
    const made = bench({ policy: { beaconAddress: '' } });
    const { nodes } = made.engine.state;
    nodes.setFlag(nodes.liveSlotOf(2), NodeFlag.public, true);
    nodes.setFlag(nodes.liveSlotOf(2), NodeFlag.relayOnly, true);
    const peer = made.connect('binary');
    peer.send(encodeLookupRequest({ nodeId: 2 }));
    await answerTo(peer, resolve(2, 1));
    expect(peer.frames.map((frame) => frame.includes('198.51.100'))).toEqual([false, false]);
    expect(peer.frames.map((frame) => frame[0])).toEqual([0x82, 0x83]);
  });

  test('what is gone, unknown, or private in the strict directory reads the same', async () => {
    const made = bench({ policy: { strictDirectoryAuth: true } });
    made.commit({ type: 'node.visibility', id: 1, public: true });
    made.addNode(5, identity(5));
    made.commit({ type: 'node.deregistered', id: 5, at: made.now });
    const peer = made.connect('binary');
    for (const id of [2, 5, 77, 0, 0xffff_ffff]) {
      expect(await answerTo(peer, encodeLookupRequest({ nodeId: id }))).toBe(`error: node ${id}: not found`);
    }
    expect(String(await answerTo(peer, encodeLookupRequest({ nodeId: 1 })))).toMatch(/^82:/);
  });
});

describe('resolve', () => {
  test('replies equal those of the reference encoder', async () => {
    const made = bench();
    const { nodes } = made.engine.state;
    const slot = nodes.liveSlotOf(2);
    const peer = made.connect('binary');
    await fc.assert(
      fc.asyncProperty(profiles, flags, fc.integer({ min: -1, max: 5000 }), async (profile, is, ageDays) => {
        nodes.setProfile(slot, profile);
        nodes.setFlag(slot, NodeFlag.public, true);
        nodes.setFlag(slot, NodeFlag.relayOnly, is.relayOnly);
        const createdAt = ageDays < 0 ? 0 : made.now - ageDays * 86_400 - 3_600;
        nodes.setKeyMeta(slot, { createdAt, rotatedAt: 0, rotateCount: 0, expiresAt: 0 });
        const expected = encodeResolveOk({
          nodeId: 2,
          realAddr: is.relayOnly ? BEACON : profile.realAddr,
          lanAddrs: is.relayOnly ? [] : profile.lanAddrs,
          keyAgeDays: ageDays,
        });
        const before = peer.bytes.length;
        await answerTo(peer, resolve(2, 1));
        expect(peer.bytes.subarray(before).equals(expected)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  test('the table of refusals, in its order', async () => {
    const made = bench();
    addKeyless(made, 3);
    const peer = made.connect('binary');
    const texts = [
      [resolve(2, 88), 'resolve denied: requester node 88 is not registered'],
      [resolve(2, 3), 'requester has no public key'],
      [resolve(2, 1, target), 'signature verification failed'],
      [resolve(99, 1), 'node 99: not found'],
      [resolve(2, 1), 'resolve denied: node 2 is private (establish mutual trust first)'],
    ] as const;
    for (const [frame, expected] of texts) expect(await answerTo(peer, frame)).toBe(`error: ${expected}`);
  });

  test('trust of both sides, or a shared network, opens a private node; trust of one side does not', async () => {
    const made = bench();
    const peer = made.connect('binary');
    const opens = async (): Promise<boolean> => String(await answerTo(peer, resolve(2, 1))).startsWith('83:');
    made.commit({ type: 'trust.reported', by: 1, peer: 2 });
    expect(await opens()).toBe(false);
    made.commit({ type: 'trust.reported', by: 2, peer: 1 });
    expect(await opens()).toBe(true);
    made.commit({ type: 'trust.revoked', by: 2, peer: 1 });
    expect(await opens()).toBe(false);
    made.commit({
      type: 'network.created',
      id: 4,
      name: 'four',
      joinRule: 'open',
      enterprise: false,
      creator: 2,
      at: made.now,
    });
    made.commit({ type: 'network.joined', network: 4, node: 1, role: 'member' });
    expect(await opens()).toBe(true);
  });

  test('in the strict directory a private node does not exist', async () => {
    const made = bench({ policy: { strictDirectoryAuth: true } });
    expect(await answerTo(made.connect('binary'), resolve(2, 1))).toBe('error: node 2: not found');
  });
});

describe('heartbeat', () => {
  test('the table of refusals', async () => {
    const made = bench();
    addKeyless(made, 3);
    const peer = made.connect('binary');
    expect(await answerTo(peer, beat(44))).toBe('error: node 44: not found');
    expect(await answerTo(peer, beat(3))).toBe(
      'error: node has no public key: binary heartbeat requires key',
    );
    expect(await answerTo(peer, beat(1, target))).toBe('error: signature verification failed');
    const expiresAt = made.now + 1;
    made.commit({ type: 'key.expiry', id: 1, expiresAt });
    made.advance(2_000);
    const expired = `error: node 1: key expired at ${formatRfc3339(expiresAt)}`;
    expect(await answerTo(peer, beat(1))).toBe(expired);
    expect(await answerTo(peer, beat(1))).toBe(expired);
  });

  test('fresh heartbeats can not be asked for in this framing', async () => {
    const made = bench({ policy: { strictHeartbeatFreshness: true } });
    expect(await answerTo(made.connect('binary'), beat(1))).toBe(
      'error: binary heartbeat encoding carries no timestamp; use the JSON heartbeat while freshness is enforced',
    );
  });

  test('is a sign of life, tells the time, and warns for a day before the key expires', async () => {
    const made = bench();
    const { nodes } = made.engine.state;
    const peer = made.connect('binary');
    const reply = (flag: number): string =>
      `81:${made.now.toString(16).padStart(16, '0')}${flag.toString(16).padStart(2, '0')}`;
    made.advance(10_000);
    expect(await answerTo(peer, beat(1))).toBe(reply(0));
    expect(nodes.lastSeen[nodes.liveSlotOf(1)]).toBe(made.now);
    made.commit({ type: 'key.expiry', id: 1, expiresAt: made.now + 86_401 });
    expect(await answerTo(peer, beat(1))).toBe(reply(0));
    made.advance(1_000);
    expect(await answerTo(peer, beat(1))).toBe(reply(1));
  });
});

describe('proof of possession', () => {
  test('lasts 120 s on its connection, and there only', async () => {
    const made = bench();
    const peer = made.connect('binary');
    await answerTo(peer, beat(1));
    made.advance(119_000);
    expect(await answerTo(peer, badBeat(1))).toMatch(/^81:/);
    expect(await answerTo(made.connect('binary'), badBeat(1))).toBe('error: signature verification failed');
    expect(await answerTo(peer, badBeat(2))).toBe('error: signature verification failed');
    made.advance(1_000);
    expect(await answerTo(peer, badBeat(1))).toBe('error: signature verification failed');
  });

  test('a heartbeat that needed no check does not prolong it', async () => {
    const made = bench();
    const peer = made.connect('binary');
    await answerTo(peer, beat(1));
    made.advance(100_000);
    expect(await answerTo(peer, badBeat(1))).toMatch(/^81:/);
    made.advance(30_000);
    expect(await answerTo(peer, badBeat(1))).toBe('error: signature verification failed');
  });

  test('comes from any signed request of the connection', async () => {
    const made = bench();
    const peer = made.connect('binary');
    await answerTo(
      peer,
      peer.frame(signed(requester, { type: 'set_hostname', node_id: 1, hostname: 'one' })),
    );
    expect(await answerTo(peer, badBeat(1))).toMatch(/^81:/);
    const other = made.connect('binary');
    await answerTo(other, resolve(2, 1));
    expect(await answerTo(other, badBeat(1))).toMatch(/^81:/);
  });

  test('a refused signature proves nothing', async () => {
    const made = bench();
    const peer = made.connect('binary');
    await answerTo(peer, beat(1, target));
    await answerTo(peer, resolve(2, 1, target));
    expect(await answerTo(peer, badBeat(1))).toBe('error: signature verification failed');
  });

  test('several nodes of one connection are proven side by side', async () => {
    const made = bench();
    const peer = made.connect('binary');
    await answerTo(peer, beat(1));
    await answerTo(peer, beat(2, target));
    for (const id of [1, 2, 1, 2]) expect(await answerTo(peer, badBeat(id))).toMatch(/^81:/);
  });

  test('ends when the key is rotated, recovered or given to a new node', async () => {
    const made = bench();
    const peer = made.connect('binary');
    await answerTo(peer, beat(1));
    await answerTo(peer, beat(2, target));
    made.commit({ type: 'key.rotated', id: 1, key: identity(30).publicKeyBase64, at: made.now });
    made.commit({
      type: 'key.recovered',
      id: 2,
      key: identity(31).publicKeyBase64,
      at: made.now,
      recovery: { nonce: 'n', exp: made.now + 10 },
    });
    for (const id of [1, 2])
      expect(await answerTo(peer, badBeat(id))).toBe('error: signature verification failed');
    expect(await answerTo(peer, beat(1, identity(30)))).toMatch(/^81:/);
  });

  test('an expired key ends it, too', async () => {
    const made = bench();
    const peer = made.connect('binary');
    await answerTo(peer, beat(1));
    made.commit({ type: 'key.expiry', id: 1, expiresAt: made.now });
    expect(await answerTo(peer, badBeat(1))).toMatch(/key expired/);
  });
});

describe('breakers guard every encoding', () => {
  test.each(['open', 'open for reasons'])('%s', async (how) => {
    const made = bench();
    const reason = how === 'open' ? '' : 'maintenance';
    const peer = made.connect('binary');
    await answerTo(peer, beat(1));
    for (const name of ['registry.heartbeat', 'registry.resolve'] as const) {
      made.breakers.get(name).set({ state: 'open', reason }, made.clock.now());
    }
    const end = reason === '' ? '' : ` (${reason})`;
    const open = (name: string): string => `error: service unavailable: breaker "${name}" is open${end}`;
    for (const id of [1, 99]) {
      expect(await answerTo(peer, beat(id))).toBe(open('registry.heartbeat'));
      expect(await answerTo(peer, encodeLookupRequest({ nodeId: id }))).toBe(open('registry.resolve'));
      expect(await answerTo(peer, resolve(2, id))).toBe(open('registry.resolve'));
    }
    expect(await answerTo(peer, peer.frame({ type: 'lookup', node_id: 1 }))).toMatchObject({
      code: 'breaker_open',
    });
    made.breakers.get('registry.heartbeat').set({ state: 'half_open', reason: '' }, made.clock.now());
    expect(await answerTo(peer, beat(1))).toMatch(/^81:/);
  });
});

describe('figures', () => {
  test('native frames are counted as operations', async () => {
    const made = bench();
    const peer = made.connect('binary');
    await answerTo(peer, Buffer.concat([encodeLookupRequest({ nodeId: 1 })]));
    await answerTo(peer, encodeLookupRequest({ nodeId: 98 }));
    await answerTo(peer, beat(1));
    await answerTo(peer, badBeat(2));
    await answerTo(peer, binaryFrame(OPCODE.jsonPassthrough, Buffer.from('{"type":"lookup","node_id":1}')));
    // The last round is counted when the next one ends.
    await answerTo(peer, encodeLookupRequest({ nodeId: 1 }));
    const metrics = await made.metrics.render();
    expect(metrics).toContain('pilot_requests_total{type="lookup"} 4\n');
    expect(metrics).toContain('pilot_requests_total{type="heartbeat"} 2\n');
    expect(metrics).toMatch(/pilot_errors_total\{type="lookup"\} 1\n/);
    expect(metrics).toMatch(/pilot_errors_total\{type="heartbeat"\} 1\n/);
  });
});
