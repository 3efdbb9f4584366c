import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { recordingLogger, type PeerStream } from '@muster/core';
import { ManualClock } from '@muster/core/testing';
import { describe, expect, it } from 'vitest';
import { coordinationErrors } from '../../src/errors.ts';
import type { Pump } from '../../src/parts.ts';
import { CoordServer, type CoordServerParts } from '../../src/rpc/coord-server.ts';
import type { ClusterNode, Digest, NegativeEntry } from '../../src/types.ts';
import { decodeEnvelope, encodeEnvelope } from '../../src/wire/envelope.ts';
import { encodeFrame, FrameReader } from '../../src/wire/frame.ts';
import { intentOfWire, PROTOCOL_ID, PROTOCOL_ID_1_1 } from '../../src/wire/messages.ts';
import { MemoryStreamNetwork } from '../support/memory-streams.ts';
import { loadVectors, testDigest } from '../support/vectors.ts';
import type { EnvelopeVectors } from '../support/wire-json.ts';

const vectors = loadVectors<EnvelopeVectors>('envelope');
const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));

const NODES: readonly ClusterNode[] = ['n1', 'n2', 'n3'].map((id) => ({
  id,
  addr: '',
  zone: '',
  peerId: '',
  p2pAddrs: [],
}));

/** A server `server` on a network with a peer `asker`. */
function setUp(parts: Partial<CoordServerParts> = {}) {
  const clock = new ManualClock(Date.parse('2026-01-01T00:01:00Z'));
  const network = new MemoryStreamNetwork(clock);
  const counts = { intents: 0, unavailable: 0, pulls: 0, started: 0, declined: 0, errors: [] as string[] };
  const logger = recordingLogger();
  const server = new CoordServer({
    streams: network.node('server'),
    store: { has: async () => false, size: async () => undefined },
    members: { self: () => 'n1', snapshot: () => NODES },
    inflight: { lookup: () => undefined },
    hooks: {
      pullIntentServed: () => void (counts.intents += 1),
      storageUnavailable: () => void (counts.unavailable += 1),
      pleasePullServed: () => void (counts.pulls += 1),
      pleasePullStarted: () => void (counts.started += 1),
      pleasePullDeclined: () => void (counts.declined += 1),
      streamError: (reason) => void counts.errors.push(reason),
    },
    clock,
    timers: clock,
    logger,
    ...parts,
  });
  const asker = network.node('asker');
  server.bind();
  const open = async (protocol = PROTOCOL_ID) =>
    asker.open({ id: 'server', addresses: [] }, [protocol], { timeoutMs: 1_000 });
  /** Sends the bytes and gives the frame that comes back, as hex, or undefined. */
  const exchange = async (frame: Uint8Array, end = true): Promise<string | undefined> => {
    const stream = await open();
    await stream.write(frame, { timeoutMs: 1_000 });
    if (end) await stream.closeWrite();
    const reply: Uint8Array[] = [];
    for (;;) {
      const chunk = await stream.read({ timeoutMs: 60_000 });
      if (chunk === undefined) break;
      reply.push(chunk);
    }
    return reply.length === 0 ? undefined : Buffer.concat(reply).toString('hex');
  };
  return { clock, network, server, asker, counts, logger, open, exchange };
}

const intentFrame = (digest: string): Uint8Array =>
  encodeFrame(encodeEnvelope({ type: 'pull_intent_request', message: { digest } }));

function intentOfReply(hex: string | undefined) {
  const payload = new FrameReader().push(bytes(hex ?? ''));
  const envelope = decodeEnvelope(payload ?? new Uint8Array());
  if (envelope.type !== 'pull_intent_response') throw new Error('not an intent');
  return intentOfWire(envelope.message);
}

const pullFrame = (digests: readonly string[], registry = 'r.example', repository = 'x/y'): Uint8Array =>
  encodeFrame(
    encodeEnvelope({
      type: 'please_pull_request',
      message: { digests, upstreamRegistry: registry, repository, kind: 1 },
    }),
  );

describe('hostile input', () => {
  const rejected = vectors.rejected.filter(({ received_by }) => received_by === 'server');

  it.each(rejected)('$name is answered with nothing and counted once', async ({ frame_hex, reason }) => {
    const { exchange, counts } = setUp();
    const digests = Array.from(
      { length: 257 },
      (_, index) => `sha256:${createHash('sha256').update(`batch-${index}`).digest('hex')}`,
    );
    const frame = frame_hex === null ? pullFrame(digests) : bytes(frame_hex);
    expect(await exchange(frame)).toBeUndefined();
    expect(counts.errors).toEqual([reason]);
    expect(counts).toMatchObject({ intents: 0, pulls: 0, started: 0 });
  });

  it.each(rejected.filter(({ reason, frame_hex }) => reason !== 'read_failed' && frame_hex !== null))(
    '$name is refused without waiting for the end of the stream',
    async ({ frame_hex, reason }) => {
      const { exchange, counts } = setUp();
      expect(await exchange(bytes(frame_hex ?? ''), false)).toBeUndefined();
      expect(counts.errors).toEqual([reason]);
    },
  );

  it('of any kind, in pieces of any size, ends with an answer or with one error', async () => {
    const good = vectors.canonical.map(({ frame_hex }) => bytes(frame_hex));
    const input = fc.oneof(
      fc.uint8Array({ maxLength: 120 }),
      fc
        .tuple(fc.constantFrom(...good), fc.nat(), fc.nat({ max: 255 }))
        .map(([frame, at, byte]) => frame.with(at % frame.length, byte)),
    );
    await fc.assert(
      fc.asyncProperty(input, fc.nat({ max: 40 }), async (frame, chunkBytes) => {
        const { exchange, counts, network, server } = setUp({ pump: () => ({ kind: 'declined' }) });
        network.set('asker', { chunkBytes });
        const reply = await exchange(frame);
        const skipped = counts.errors.filter((reason) => reason === 'bad_digest').length;
        const isOneError = counts.errors.length === 1;
        const isAnswer = counts.errors.length === skipped && counts.intents + counts.pulls === 1;
        return server.runningStreams <= 1 && (reply === undefined ? isOneError : isAnswer);
      }),
      { numRuns: 500 },
    );
  });

  it('takes a message of 1 MiB and refuses one byte more by its prefix', async () => {
    for (const { envelope_length, prefix_hex, reply_frame_hex, accepted } of vectors.size_boundary) {
      const { exchange, counts } = setUp();
      const envelope = encodeEnvelope({
        type: 'please_pull_request',
        message: {
          digests: [],
          upstreamRegistry: 'a'.repeat(envelope_length - 11),
          repository: 'r',
          kind: 0,
        },
      });
      const frame = Buffer.concat([bytes(prefix_hex), envelope]);
      expect(await exchange(frame)).toBe(reply_frame_hex ?? undefined);
      expect(counts.errors).toEqual(accepted ? [] : ['too_large']);
    }
  });

  it('never logs the delegated credential', async () => {
    const { exchange, logger } = setUp({ pump: () => ({ kind: 'declined' }) });
    const vector = vectors.tolerated_on_receive.find(({ name }) => name.includes('credential'));
    expect(await exchange(bytes(vector?.frame_hex ?? ''))).toBeDefined();
    expect(JSON.stringify(logger.entries)).not.toContain('example-token');
  });

  it('ends a stream 5 s after its acceptance, however it dribbles', async () => {
    const { open, clock, counts, server } = setUp();
    const stream = await open();
    const frame = intentFrame(testDigest(1));
    for (let second = 0; second < 5; second += 1) {
      await stream.write(frame.subarray(second, second + 1), { timeoutMs: 1_000 });
      await expect.poll(() => counts.errors.length).toBe(0);
      clock.advance(1_000);
    }
    await expect.poll(() => server.runningStreams).toBe(0);
    expect(counts.errors).toEqual(['read_failed']);
    expect(await stream.read({ timeoutMs: 1 })).toBeUndefined();
  });

  it('counts an answer that cannot be written', async () => {
    const gate = Promise.withResolvers<boolean>();
    let isAsked = false;
    const has = async (): Promise<boolean> => {
      isAsked = true;
      return gate.promise;
    };
    const { open, counts } = setUp({ store: { has, size: async () => undefined } });
    const stream = await open();
    await stream.write(intentFrame(testDigest(1)), { timeoutMs: 1_000 });
    await expect.poll(() => isAsked).toBe(true);
    stream.reset();
    gate.resolve(false);
    await expect.poll(() => counts.errors).toEqual(['write_failed']);
    expect(counts.intents).toBe(0);
  });

  it('answers both versions, and only the first frame of a stream', async () => {
    const { exchange, open, counts } = setUp();
    const frame = intentFrame(testDigest(1));
    const reply = await exchange(Buffer.concat([frame, frame]));
    expect(intentOfReply(reply).hasCached).toBe(false);
    const stream = await open(PROTOCOL_ID_1_1);
    await stream.write(frame, { timeoutMs: 1_000 });
    expect(await stream.read({ timeoutMs: 1_000 })).toEqual(bytes(reply ?? ''));
    await expect.poll(() => counts).toMatchObject({ intents: 2, errors: [] });
  });
});

describe('admission', () => {
  it('resets streams beyond the limit of the server and of one peer, and frees slots again', async () => {
    const { network, counts, server } = setUp({ options: { maxStreams: 3, maxStreamsPerPeer: 2 } });
    const ask = async (peer: string) =>
      network.node(peer).open({ id: 'server', addresses: [] }, [PROTOCOL_ID], { timeoutMs: 1_000 });
    const first = await ask('p1');
    await ask('p1');
    await expect((await ask('p1')).read({ timeoutMs: 1_000 })).rejects.toMatchObject({
      code: 'STREAM_RESET',
    });
    await ask('p2');
    await expect((await ask('p3')).read({ timeoutMs: 1_000 })).rejects.toMatchObject({
      code: 'STREAM_RESET',
    });
    expect(counts.errors).toEqual(['too_many_streams', 'too_many_streams']);
    await first.write(intentFrame(testDigest(1)), { timeoutMs: 1_000 });
    await expect.poll(() => server.runningStreams).toBe(2);
    await ask('p3');
    expect(server.runningStreams).toBe(3);
  });

  it('gives a slot back with each stream that ends', async () => {
    const { exchange, counts, server } = setUp({ options: { maxStreamsPerPeer: 1 } });
    for (let round = 0; round < 3; round += 1) {
      expect(await exchange(intentFrame(testDigest(round)))).toBeDefined();
      await expect.poll(() => server.runningStreams).toBe(0);
    }
    expect(counts.errors).toEqual([]);
  });

  it('does not let a peer keep a slot by not letting the stream close', async () => {
    const clock = new ManualClock();
    let accept: ((stream: PeerStream) => Promise<void>) | undefined;
    const { server } = setUp({
      clock,
      timers: clock,
      streams: {
        serve: (_protocol, handler) => {
          accept = handler;
          return () => {};
        },
      },
    });
    let isReset = false;
    const served = accept?.({
      remotePeer: 'p',
      protocol: PROTOCOL_ID,
      write: async () => {},
      read: async () => undefined,
      closeWrite: async () => {},
      close: async () => new Promise(() => {}),
      reset: () => {
        isReset = true;
      },
    });
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
    expect(server.runningStreams).toBe(1);
    clock.advance(5_000);
    await served;
    expect(isReset).toBe(true);
    expect(server.runningStreams).toBe(0);
  });

  it('has limits of 512 and 128 of one peer', async () => {
    const { network, counts, server } = setUp();
    const ask = async (peer: string) =>
      network.node(peer).open({ id: 'server', addresses: [] }, [PROTOCOL_ID], { timeoutMs: 1_000 });
    for (let stream = 0; stream < 129; stream += 1) await ask('p0');
    expect(counts.errors).toHaveLength(1);
    for (let stream = 0; stream < 384; stream += 1) await ask(`p${1 + (stream % 4)}`);
    expect(server.runningStreams).toBe(512);
    expect(counts.errors).toHaveLength(1);
    await ask('p9');
    expect(counts.errors).toHaveLength(2);
  });

  it('unbinds: no more streams, and running ones are waited for, 5 s at most', async () => {
    const { server, open, clock, counts } = setUp();
    const stream = await open();
    let isUnbound = false;
    const unbound = server.unbind().then(() => {
      isUnbound = true;
    });
    await expect(open()).rejects.toMatchObject({ code: 'PROTOCOL_UNSUPPORTED' });
    expect(isUnbound).toBe(false);
    await stream.write(intentFrame(testDigest(1)), { timeoutMs: 1_000 });
    await unbound;
    expect(counts.intents).toBe(1);
    server.bind();
    await open();
    const again = server.unbind();
    clock.advance(5_000);
    await again;
  });
});

describe('pull_intent', () => {
  it('says what store, map, breaker and view say', async () => {
    const entry: NegativeEntry = {
      failureCount: 1,
      lastFailureAt: 0,
      failureClass: 'auth',
      cooldownUntil: Date.parse('2026-01-01T00:02:00Z'),
    };
    const startedAt = Date.parse('2026-01-01T00:00:59.5Z');
    const { exchange, server } = setUp({
      store: { has: async () => true, size: async () => 77 },
      inflight: {
        lookup: () => ({
          startedAt,
          kind: 'blob',
          totalBytes: 1_000,
          progressBytes: 10,
          lastProgressAt: startedAt,
          isQueued: false,
        }),
      },
      negative: { lookup: () => entry },
    });
    const wire = intentOfReply(await exchange(intentFrame(testDigest(7))));
    expect(wire).toEqual({
      hasCached: true,
      inFlight: true,
      startedAt,
      rank: wire.rank,
      recentlyFailed: true,
      cooldownUntil: entry.cooldownUntil,
      failureClass: 'auth',
      progressBytes: 10,
      totalBytes: 1_000,
    });
    expect(await server.localPullIntent(testDigest(7))).toEqual(wire);
  });

  it('gives the size of what it has, and rank -1 when it does not see itself', async () => {
    const { server, exchange } = setUp({
      store: { has: async () => true, size: async () => 77 },
      members: { self: () => 'other', snapshot: () => NODES },
    });
    const expected = { hasCached: true, rank: -1, totalBytes: 77, inFlight: false };
    expect(await server.localPullIntent(testDigest(1))).toMatchObject(expected);
    expect(intentOfReply(await exchange(intentFrame(testDigest(1))))).toMatchObject(expected);
  });

  it('always sends times with their flags, after second 0', async () => {
    const { exchange, clock } = setUp({
      inflight: {
        lookup: () => ({
          startedAt: 5,
          kind: 'blob',
          totalBytes: undefined,
          progressBytes: 0,
          lastProgressAt: 0,
          isQueued: true,
        }),
      },
      negative: {
        lookup: () => ({ failureCount: 1, lastFailureAt: 0, failureClass: 'transient', cooldownUntil: 0 }),
      },
    });
    const intent = intentOfReply(await exchange(intentFrame(testDigest(1))));
    expect(intent.startedAt).toBe(clock.now());
    expect(intent.cooldownUntil).toBe(1_000);
  });

  it.each([
    ['rejects', async () => Promise.reject(coordinationErrors.create('STORAGE_UNAVAILABLE', 'EIO'))],
    ['does not answer', async () => new Promise<boolean>(() => {})],
  ])('is not "cached", and warned of, when the storage %s', async (how, has) => {
    const { server, clock, counts, logger } = setUp({ store: { has, size: async () => 1 } });
    for (const wait of [0, 1_000, 30_000]) {
      clock.advance(wait);
      const intent = server.localPullIntent(testDigest(1));
      if (how === 'does not answer') {
        await Promise.resolve();
        clock.advance(500);
      }
      expect((await intent).hasCached).toBe(false);
    }
    expect(counts).toMatchObject({ unavailable: 3, intents: 0 });
    const warnings = logger.entries.filter(({ level }) => level === 'warn');
    expect(warnings).toHaveLength(2);
    expect(warnings[0]?.fields).toMatchObject({ digest: testDigest(1) });
  });

  it('ranks itself once for a digest and a list of members, however often it is asked', async () => {
    let looks = 0;
    const counted = (id: string) => ({
      get id() {
        looks += 1;
        return id;
      },
      addr: '',
      zone: '',
    });
    let snapshot = ['n0', 'n1', 'n2'].map(counted);
    const { server } = setUp({ members: { self: () => 'n1', snapshot: () => snapshot as never } });
    const ranks = async (): Promise<number> => (await server.localPullIntent(testDigest(1))).rank;
    const first = await ranks();
    const looked = looks;
    expect(looked).toBeGreaterThan(0);
    expect(await ranks()).toBe(first);
    expect(looks).toBe(looked);
    snapshot = ['n0', 'n2'].map(counted);
    expect(await ranks()).toBe(-1);
  });

  it('asks the secondary source, which may have it while the store cannot say', async () => {
    const store = {
      has: async () => Promise.reject(coordinationErrors.create('STORAGE_UNAVAILABLE', 'EIO')),
      size: async () => undefined,
    };
    const has = setUp({ store, secondary: { has: async () => true } });
    expect(await has.server.localPullIntent(testDigest(1))).toMatchObject({ hasCached: true });
    expect(has.counts.unavailable).toBe(0);
    const other = setUp({ secondary: { has: async () => Promise.reject(new Error('a bug')) } });
    expect(await other.server.localPullIntent(testDigest(1))).toMatchObject({ hasCached: false });
    expect(other.counts.unavailable).toBe(0);
  });

  it('gives up when the dispatch takes too long', async () => {
    const { exchange, clock, counts } = setUp({
      store: { has: async () => new Promise<boolean>(() => {}), size: async () => undefined },
      options: { dispatchMs: 300 },
    });
    const reply = exchange(intentFrame(testDigest(1)));
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
    clock.advance(300);
    expect(await reply).toBeUndefined();
    expect(counts.errors).toEqual(['dispatch_timeout']);
  });

  it('survives hooks that throw', async () => {
    const { exchange } = setUp({
      hooks: {
        pullIntentServed: () => {
          throw new Error('a bug');
        },
      },
    });
    expect(await exchange(intentFrame(testDigest(1)))).toBeDefined();
  });
});

describe('please_pull', () => {
  const started: Pump = () => ({ kind: 'started', startedAt: Date.parse('2026-01-01T00:00:00Z') });

  it.each(vectors.batch_behaviour.filter((vector) => vector.request_frame_hex !== undefined))(
    '$name',
    async (vector) => {
      const { exchange, counts } = setUp(vector.pump === null ? {} : { pump: started });
      expect(await exchange(bytes(vector.request_frame_hex ?? ''))).toBe(vector.reply_frame_hex);
      expect(counts.errors).toHaveLength(vector.stream_errors ?? -1);
      expect(counts).toMatchObject({ pulls: vector.served, started: vector.started });
    },
  );

  it('answers an empty batch, and both of the same digest', async () => {
    const { exchange, counts } = setUp({ pump: started });
    expect(await exchange(pullFrame([]))).toBe('022200');
    await exchange(pullFrame([testDigest(1), testDigest(1)]));
    expect(counts).toMatchObject({ pulls: 2, started: 2 });
  });

  it('tells each outcome with its times', async () => {
    const until = Date.parse('2026-01-01T01:00:00Z');
    const answers: Record<string, ReturnType<Pump>> = {
      [testDigest(1)]: { kind: 'already', startedAt: until },
      [testDigest(2)]: {
        kind: 'failed',
        entry: { failureCount: 2, lastFailureAt: 1, failureClass: 'not_found', cooldownUntil: until },
      },
      [testDigest(3)]: { kind: 'declined' },
    };
    const { server, counts } = setUp({
      pump: ({ digest }) => {
        const answer = answers[digest];
        if (answer === undefined) throw new Error('a bug');
        return answer;
      },
    });
    const job = { registry: 'r', repository: 'x', kind: 'blob', trigger: 'mirror' } as const;
    expect(
      await server.startLocalPull(
        job,
        [1, 2, 3, 4].map((n) => testDigest(n)),
      ),
    ).toEqual([
      { digest: testDigest(1), outcome: 'already_pulling', startedAt: until, failureClass: '' },
      { digest: testDigest(2), outcome: 'recently_failed', cooldownUntil: until, failureClass: 'not_found' },
      { digest: testDigest(3), outcome: 'unspecified', failureClass: '' },
      { digest: testDigest(4), outcome: 'unspecified', failureClass: '' },
    ]);
    expect(counts).toMatchObject({ pulls: 0, declined: 2 });
  });

  it('answers the rest as unspecified when the budget ends inside a batch', async () => {
    const asked: Digest[] = [];
    const { exchange, clock } = setUp({
      pump: ({ digest }) => {
        asked.push(digest);
        return digest === testDigest(2) ? new Promise(() => {}) : { kind: 'started', startedAt: 5_000 };
      },
    });
    const reply = exchange(pullFrame([1, 2, 3].map((n) => testDigest(n))));
    await expect.poll(() => asked).toHaveLength(2);
    clock.advance(2_000);
    const envelope = decodeEnvelope(new FrameReader().push(bytes((await reply) ?? '')) ?? new Uint8Array());
    expect(envelope).toMatchObject({
      message: { results: [{ outcome: 2 }, { outcome: 0 }, { outcome: 0 }] },
    });
    expect(asked).toHaveLength(2);
  });

  it('works locally in slices and stops between them', async () => {
    const abort = new AbortController();
    let asked = 0;
    const { server } = setUp({
      pump: () => {
        asked += 1;
        if (asked === 10) abort.abort();
        return { kind: 'declined' };
      },
    });
    const digests = Array.from({ length: 300 }, (_, index) => testDigest(index));
    const job = { registry: 'r', repository: 'x', kind: 'blob', trigger: 'prefetch' } as const;
    expect(await server.startLocalPull(job, digests, { signal: abort.signal })).toHaveLength(256);
    expect(await server.startLocalPull(job, digests)).toHaveLength(300);
    await expect(server.startLocalPull({ ...job, registry: '' }, digests)).rejects.toMatchObject({
      code: 'MESSAGE_MALFORMED',
      details: { reason: 'missing_registry_or_repository' },
    });
  });
});
