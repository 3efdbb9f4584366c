import { MusterError, silentLogger } from '@muster/core';
import { ManualClock } from '@muster/core/testing';
import { describe, expect, it } from 'vitest';
import { CoordClient, hasPartialResults, type CoordClientOptions } from '../../src/rpc/coord-client.ts';
import type { ClusterNode, Digest } from '../../src/types.ts';
import { decodeEnvelope, encodeEnvelope, type Envelope } from '../../src/wire/envelope.ts';
import { encodeFrame, FrameReader } from '../../src/wire/frame.ts';
import { PROTOCOL_ID, PROTOCOL_ID_1_1 } from '../../src/wire/messages.ts';
import { MemoryStreamNetwork } from '../support/memory-streams.ts';
import { loadVectors, testDigest } from '../support/vectors.ts';
import type { EnvelopeVectors } from '../support/wire-json.ts';

const vectors = loadVectors<EnvelopeVectors>('envelope');
const identities = loadVectors<{
  identities: readonly { peer_id_base58: string; peer_id_cid: string }[];
}>('cid').identities;
const SELF = identities[0]?.peer_id_base58 ?? '';
const PEER = identities[1]?.peer_id_base58 ?? '';
const PEER_CID = identities[1]?.peer_id_cid ?? '';
const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
const job = { registry: 'r.example', repository: 'x/y', kind: 'blob' } as const;

const node = (id: string, peerId: string): ClusterNode => ({
  id,
  addr: '',
  zone: '',
  peerId,
  p2pAddrs: [`/ip4/10.0.0.1/tcp/4001/p2p/${peerId}`],
});

type Answer = (request: Envelope) => Uint8Array | undefined | Promise<Uint8Array | undefined>;

/** A client, and a peer that answers as told; the node `n2` is the peer. */
function setUp(
  answer: Answer,
  options: CoordClientOptions = {},
  members: readonly ClusterNode[] = [node('n2', PEER)],
) {
  const clock = new ManualClock();
  const network = new MemoryStreamNetwork(clock);
  const requests: Envelope[] = [];
  const peer = network.node(PEER);
  peer.serve(PROTOCOL_ID, async (stream) => {
    const reader = new FrameReader();
    let payload: Uint8Array | undefined;
    while (payload === undefined) {
      const chunk = await stream.read({ timeoutMs: 60_000 });
      if (chunk === undefined) return;
      payload = reader.push(chunk);
    }
    const request = decodeEnvelope(payload);
    requests.push(request);
    const reply = await answer(request);
    if (reply !== undefined) await stream.write(reply, { timeoutMs: 1_000 });
    await stream.close();
  });
  const client = new CoordClient({
    streams: network.node(SELF),
    members: { self: () => 'n1', snapshot: () => members, bootstrapSnapshot: () => [] },
    clock,
    timers: clock,
    logger: silentLogger,
    options,
  });
  return { clock, network, client, requests };
}

const intentReply = (): Uint8Array => bytes('0612040801 2001'.replace(' ', ''));

const pullReply = (request: Envelope): Uint8Array => {
  if (request.type !== 'please_pull_request') throw new Error('not a request to pull');
  const results = request.message.digests.map((digest) => ({
    digest,
    outcome: 2,
    startedAt: { seconds: 5, nanos: 0 },
    cooldownUntil: undefined,
    failureClass: 0,
  }));
  return encodeFrame(encodeEnvelope({ type: 'please_pull_response', message: { results } }));
};

describe('answers', () => {
  it('are read, in chunks of any size', async () => {
    const { client, network, requests } = setUp(intentReply);
    network.set(PEER, { chunkBytes: 1 });
    expect(await client.pullIntent('n2', testDigest(1))).toEqual({
      hasCached: true,
      inFlight: false,
      rank: 1,
      recentlyFailed: false,
      failureClass: '',
    });
    expect(requests).toEqual([{ type: 'pull_intent_request', message: { digest: testDigest(1) } }]);
  });

  it.each(vectors.rejected.filter(({ received_by }) => received_by === 'client'))(
    'are refused: $name',
    async ({ frame_hex, reason }) => {
      const { client } = setUp(() => bytes(frame_hex ?? ''));
      const code = {
        empty_response: 'MESSAGE_UNEXPECTED',
        closed_without_response: 'CLOSED_WITHOUT_RESPONSE',
        read_failed: 'MESSAGE_MALFORMED',
      }[reason];
      await expect(client.pullIntent('n2', testDigest(1))).rejects.toMatchObject({
        code,
        details: { reason },
      });
    },
  );

  it.each(vectors.rejected.filter(({ reason }) => /prefix|too_large|protobuf/.test(reason)))(
    'are refused as malformed: $name',
    async ({ frame_hex, reason }) => {
      const { client } = setUp(() => bytes(frame_hex ?? ''));
      await expect(client.pullIntent('n2', testDigest(1))).rejects.toMatchObject({
        code: 'MESSAGE_MALFORMED',
        details: { reason },
      });
    },
  );

  it('without a digest, or for other digests, are dropped', async () => {
    const vector = vectors.batch_behaviour.find(({ client_sees }) => client_sees !== undefined);
    const seen = vector?.client_sees?.[0] as { digest: Digest };
    const { client } = setUp(() => bytes(vector?.reply_frame_hex ?? ''));
    expect(await client.pleasePull('n2', job, [seen.digest])).toEqual([
      { digest: seen.digest, outcome: 'already_pulling', startedAt: 1_767_225_600_000, failureClass: '' },
    ]);
    expect(await client.pleasePull('n2', job, [testDigest(1)])).toEqual([]);
  });
});

describe('whom a call goes to', () => {
  it('is what the view publishes, what was taught, or the node id itself', async () => {
    const { client } = setUp(intentReply);
    for (const target of ['n2', PEER, PEER_CID]) {
      expect(await client.pullIntent(target, testDigest(1))).toMatchObject({ rank: 1 });
    }
    await expect(client.pullIntent('n3', testDigest(1))).rejects.toMatchObject({ code: 'PEER_UNRESOLVED' });
    client.teach('n3', PEER);
    expect(await client.pullIntent('n3', testDigest(1))).toMatchObject({ rank: 1 });
  });

  it('is not what cannot be read', async () => {
    const { client } = setUp(intentReply, {}, [node('n2', 'garbage'), node('n4', '')]);
    client.teach('n2', 'garbage, too');
    await expect(client.pullIntent('n2', testDigest(1))).rejects.toMatchObject({ code: 'PEER_UNRESOLVED' });
    await expect(client.pullIntent('n4', testDigest(1))).rejects.toMatchObject({ code: 'PEER_UNRESOLVED' });
  });

  it('is never this node', async () => {
    const { client, network } = setUp(intentReply);
    for (const target of ['n1', SELF]) {
      await expect(client.pullIntent(target, testDigest(1))).rejects.toMatchObject({
        code: 'PEER_UNRESOLVED',
      });
    }
    expect(network.opened).toBe(0);
  });

  it('forgets the oldest of 4096 that were taught', async () => {
    const { client } = setUp(intentReply);
    for (let index = 0; index <= 4_096; index += 1) client.teach(`t${index}`, PEER);
    await expect(client.pullIntent('t0', testDigest(1))).rejects.toMatchObject({ code: 'PEER_UNRESOLVED' });
    expect(await client.pullIntent('t1', testDigest(1))).toMatchObject({ rank: 1 });
  });

  it('is no longer what was taught when somebody else answers there', async () => {
    let opens = 0;
    const clock = new ManualClock();
    const client = new CoordClient({
      streams: {
        self: SELF,
        open: async () => {
          opens += 1;
          throw new MusterError(opens === 1 ? 'DIAL_FAILED' : 'PEER_MISMATCH', 'not to be reached');
        },
      },
      members: { self: () => 'n1', snapshot: () => [], bootstrapSnapshot: () => [] },
      clock,
      timers: clock,
      logger: silentLogger,
    });
    client.teach('n3', PEER);
    for (const code of ['STREAM_OPEN_FAILED', 'STREAM_OPEN_FAILED', 'PEER_UNRESOLVED']) {
      await expect(client.pullIntent('n3', testDigest(1))).rejects.toMatchObject({ code });
    }
  });

  it('is asked with 1.1.0 first when told so', async () => {
    const { client, network } = setUp(intentReply, { offerMinor: 1 });
    expect(await client.pullIntent('n2', testDigest(1))).toMatchObject({ rank: 1 });
    let asked = false;
    network.node(PEER).serve(PROTOCOL_ID_1_1, async (stream) => {
      asked = true;
      stream.reset();
    });
    await expect(client.pullIntent('n2', testDigest(1))).rejects.toMatchObject({
      code: 'CLOSED_WITHOUT_RESPONSE',
    });
    expect(asked).toBe(true);
  });
});

describe('budgets', () => {
  it('end a dial after 2 s', async () => {
    const { client, clock, network } = setUp(intentReply);
    network.set(PEER, { openDelayMs: 10_000 });
    const call = client.pullIntent('n2', testDigest(1));
    await Promise.resolve();
    await Promise.resolve();
    clock.advance(2_000);
    await expect(call).rejects.toMatchObject({ code: 'STREAM_OPEN_FAILED' });
  });

  it('leave a dial as much time as the caller gives, when that is more', async () => {
    const { client, clock, network } = setUp(intentReply);
    network.set(PEER, { openDelayMs: 5_000 });
    const call = client.pullIntent('n2', testDigest(1), { timeoutMs: 8_000 });
    await Promise.resolve();
    await Promise.resolve();
    clock.advance(5_000);
    expect(await call).toMatchObject({ inFlight: false });
  });

  it('end a call after 2 s, dial included, with a reset', async () => {
    const { client, clock, network, requests } = setUp(async () => new Promise<undefined>(() => {}));
    network.set(PEER, { openDelayMs: 1_500 });
    const call = client.pullIntent('n2', testDigest(1));
    const rejected = expect(call).rejects.toMatchObject({ code: 'RPC_TIMEOUT' });
    await Promise.resolve();
    await Promise.resolve();
    clock.advance(1_500);
    await expect.poll(() => requests.length).toBe(1);
    clock.advance(499);
    await Promise.resolve();
    clock.advance(1);
    await rejected;
  });

  it('are shortened by the caller, and the signal ends a call', async () => {
    const { client, clock, requests } = setUp(async () => new Promise<undefined>(() => {}));
    const abort = new AbortController();
    const aborted = client.pullIntent('n2', testDigest(1), { signal: abort.signal });
    const short = client.pullIntent('n2', testDigest(1), { timeoutMs: 100 });
    await expect.poll(() => requests.length).toBe(2);
    abort.abort(new Error('no longer needed'));
    await expect(aborted).rejects.toThrow('no longer needed');
    clock.advance(100);
    await expect(short).rejects.toMatchObject({ code: 'RPC_TIMEOUT' });
  });

  it('run while a call waits for one of the slots', async () => {
    const gate = Promise.withResolvers<undefined>();
    const { client, clock, requests } = setUp(async () => (await gate.promise) ?? intentReply(), {
      maxParallel: 2,
    });
    const calls = [1, 2, 3].map((n) => client.pullIntent('n2', testDigest(n)));
    const short = client.pullIntent('n2', testDigest(4), { timeoutMs: 50 });
    const shortFails = expect(short).rejects.toMatchObject({ code: 'RPC_TIMEOUT' });
    await expect.poll(() => requests.length).toBe(2);
    clock.advance(50);
    await shortFails;
    gate.resolve(undefined);
    expect(await Promise.all(calls)).toHaveLength(3);
    expect(requests).toHaveLength(3);
  });
});

describe('slots', () => {
  it('are not lost to calls that gave up waiting for one', async () => {
    let gate = Promise.withResolvers<undefined>();
    const { client, clock, requests } = setUp(async () => (await gate.promise) ?? intentReply(), {
      maxParallel: 1,
    });
    const holder = client.pullIntent('n2', testDigest(1));
    const abort = new AbortController();
    const late = expect(client.pullIntent('n2', testDigest(2), { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'RPC_TIMEOUT',
    });
    const aborted = expect(client.pullIntent('n2', testDigest(3), { signal: abort.signal })).rejects.toThrow(
      'no longer needed',
    );
    await expect.poll(() => requests.length).toBe(1);
    clock.advance(50);
    abort.abort(new Error('no longer needed'));
    gate.resolve(undefined);
    await Promise.all([holder, late, aborted]);
    gate = Promise.withResolvers();
    gate.resolve(undefined);
    expect(await client.pullIntent('n2', testDigest(4))).toMatchObject({ rank: 1 });
  });
});

describe('please_pull', () => {
  it('is cut into slices of 256, in order', async () => {
    const { client, requests } = setUp(pullReply);
    const digests = Array.from({ length: 600 }, (_, index) => testDigest(index));
    const results = await client.pleasePull('n2', job, digests);
    expect(results.map(({ digest }) => digest)).toEqual(digests);
    expect(
      requests.map((request) =>
        request.type === 'please_pull_request' ? request.message.digests.length : 0,
      ),
    ).toEqual([256, 256, 88]);
  });

  it('gives the results of earlier slices with the error of a later one', async () => {
    let calls = 0;
    const { client } = setUp((request) => {
      calls += 1;
      return calls === 1 ? pullReply(request) : undefined;
    });
    const digests = Array.from({ length: 300 }, (_, index) => testDigest(index));
    const error = await client.pleasePull('n2', job, digests).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'CLOSED_WITHOUT_RESPONSE' });
    expect(hasPartialResults(error) && error.partial.length).toBe(256);
    const first = await client.pleasePull('n2', job, digests).catch((reason: unknown) => reason);
    expect(hasPartialResults(first)).toBe(false);
  });
});
