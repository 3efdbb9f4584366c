import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { type Digest, digestBytes, digestOf, rankOf } from '@muster/coordination';
import { errorCode, type PeerTarget } from '@muster/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Asker, LIMIT } from './coordination-asker.ts';
import { PATIENCE } from './fleet.ts';
import { go, GoServer, hasGo, type Observation } from './go-programs.ts';
import { viewOf } from './mixed-fleet.ts';

/**
 * Real processes of Muster, and programs made with go-libp2p and go-libp2p-kad-dht, in one cluster. Without Go this is left
 * out, unless MUSTER_REQUIRE_PROGRAMS=1 says that the machine must have it.
 */

const PLACE = { registry: 'lab', repository: 'library/thing' } as const;
const JOB = { ...PLACE, kind: 'blob' } as const;
/** Node ids that a Go node has in its view. */
const VIEW = ['go', 'x', 'y'];
/** What a node says that has not heard of the object, but for its rank. */
const NOTHING = { hasCached: false, inFlight: false, recentlyFailed: false, failureClass: '' };

describe.runIf(hasGo())('coordination of two languages', () => {
  let programs = '';
  let program = '';

  beforeAll(async () => {
    programs = await mkdtemp(join(tmpdir(), 'muster-go-'));
    program = join(programs, 'coordination');
    await go('coordination', 'build', '-o', program, '.');
  }, 420_000);
  afterAll(async () => await rm(programs, { recursive: true, force: true }));

  const startNode = async (...flags: readonly string[]): Promise<GoServer> =>
    await GoServer.start(program, ['node', ...flags]);

  it("passes the Go programs' own tests, the golden vectors among them", async () => {
    await go('coordination', 'vet', './...');
    const lines = await go('coordination', 'test', './...');
    expect(lines).toMatch(/^ok\s.*internal\/wire/m);
    expect(lines).not.toMatch(/FAIL/);
  }, 420_000);

  it('understands what a Go node says of an object', async () => {
    await using node = await startNode('-id', 'go', '-members', VIEW.join());
    await using asker = await Asker.start({ go: node });
    const { client } = asker;
    const held = await tell(node, { do: 'hold', text: 'held' });
    expect(await client.pullIntent('go', held)).toEqual({
      ...NOTHING,
      hasCached: true,
      rank: rankOf(viewOf(VIEW), 'go', held),
    });
    const digests = Array.from({ length: 16 }, (_, index) => digestOf(`object ${index}`));
    const intents = await Promise.all(digests.map((digest) => client.pullIntent('go', digest)));
    expect(intents).toEqual(
      digests.map((digest) => ({ ...NOTHING, rank: rankOf(viewOf(VIEW), 'go', digest) })),
    );
    expect(new Set(intents.map(({ rank }) => rank))).toEqual(new Set([0, 1, 2]));
    const [digest = held] = digests;
    await tell(node, { do: 'answer', digest, answer: 'in_flight', ms: 60_000 });
    const { startedAt = 0, ...running } = await client.pullIntent('go', digest);
    expect(running).toMatchObject({ inFlight: true, hasCached: false });
    expect(Date.now() - startedAt).toBeGreaterThan(59_000);
    // A node of Go that leaves the time out has not been pulling since 1970.
    await tell(node, { do: 'answer', digest, answer: 'undated' });
    expect(await client.pullIntent('go', digest)).toEqual({ ...intents[0], inFlight: true });
    for (const failureClass of ['', 'auth', 'not_found', 'rate_limited', 'transient']) {
      await tell(node, { do: 'answer', digest, answer: 'fail', class: failureClass, ms: 60_000 });
      const { cooldownUntil = 0, ...failed } = await client.pullIntent('go', digest);
      expect(failed).toEqual({ ...intents[0], recentlyFailed: true, failureClass });
      expect(cooldownUntil - Date.now()).toBeGreaterThan(0);
    }
    await using stranger = await startNode('-id', 'stranger', '-members', 'x,y');
    await using other = await Asker.start({ stranger });
    expect(await other.client.pullIntent('stranger', held)).toEqual({ ...NOTHING, rank: -1 });
  }, 120_000);

  it('has a Go node pull, one object or many', async () => {
    await using node = await startNode('-id', 'go');
    await using asker = await Asker.start({ go: node });
    const { client } = asker;
    const offered = await tell(node, { do: 'offer', seed: 'offered', size: 300_000, delay_ms: 300 });
    const lacked = digestOf('lacked');
    await tell(node, { do: 'lack', digest: lacked, class: 'not_found' });
    const [started] = await client.pleasePull('go', JOB, [offered]);
    expect(started).toMatchObject({ digest: offered, outcome: 'started', failureClass: '' });
    const startedAt = started?.startedAt;
    const [already] = await client.pleasePull('go', JOB, [offered]);
    expect(already).toEqual({ digest: offered, outcome: 'already_pulling', startedAt, failureClass: '' });
    expect(await client.pullIntent('go', offered)).toMatchObject({ inFlight: true, startedAt });
    await expect
      .poll(async () => await client.pullIntent('go', offered), PATIENCE)
      .toMatchObject({ hasCached: true, inFlight: false });
    await client.pleasePull('go', { ...JOB, kind: 'manifest' }, [lacked]);
    await expect
      .poll(async () => await client.pleasePull('go', JOB, [lacked]), PATIENCE)
      .toMatchObject([{ outcome: 'recently_failed', failureClass: 'not_found' }]);
    const unknown = Array.from({ length: 300 }, (_, index) => digestOf(`unknown ${index}`));
    const results = await client.pleasePull('go', { ...JOB, kind: 'config' }, unknown);
    expect(results).toEqual(unknown.map((digest) => ({ digest, outcome: 'unspecified', failureClass: '' })));
    const from = asker.network.streams.self;
    await expect
      .poll(() => node.observed({ event: 'please_pull', from, ...PLACE }).map(pullOf), PATIENCE)
      .toEqual(
        expect.arrayContaining(['KIND_BLOB 1', 'KIND_MANIFEST 1', 'KIND_CONFIG 256', 'KIND_CONFIG 44']),
      );
    expect(node.observed({ event: 'refused' })).toEqual([]);
  }, 120_000);

  it('takes nothing for an answer that is none', async () => {
    await using node = await startNode('-id', 'go');
    await using asker = await Asker.start({ go: node });
    const digest = digestOf('what is said about');
    const codes = Object.entries({
      close: 'CLOSED_WITHOUT_RESPONSE',
      reset: 'CLOSED_WITHOUT_RESPONSE',
      hang: 'RPC_TIMEOUT',
      garbage: 'MESSAGE_MALFORMED',
      truncated: 'MESSAGE_MALFORMED',
      oversized: 'MESSAGE_MALFORMED',
      padded: 'MESSAGE_MALFORMED',
      wrong: 'MESSAGE_UNEXPECTED',
    });
    const got: [string, unknown][] = [];
    for (const [answer] of codes) {
      await tell(node, { do: 'answer', digest, answer });
      const error: unknown = await asker.client.pullIntent('go', digest).catch((reason: unknown) => reason);
      const again: unknown = await asker.client
        .pleasePull('go', JOB, [digest])
        .catch((reason: unknown) => reason);
      expect(errorCode(again)).toBe(errorCode(error));
      got.push([answer, errorCode(error)]);
    }
    expect(got).toEqual(codes);
    await tell(node, { do: 'answer', digest, answer: 'cached' });
    expect(await asker.client.pullIntent('go', digest)).toMatchObject({ hasCached: true });
  }, 120_000);

  it('speaks the versions that both have', async () => {
    await using successor = await startNode('-id', 'successor', '-serve', '1.1.0');
    await using both = await startNode('-id', 'both', '-serve', '1.0.0,1.1.0');
    await using asker = await Asker.start({ successor, both });
    await using forward = await Asker.start({ successor, both }, { offerMinor: 1 });
    const digest = digestOf('nothing');
    await expect(asker.client.pullIntent('successor', digest)).rejects.toMatchObject({
      code: 'STREAM_OPEN_FAILED',
    });
    await asker.client.pullIntent('both', digest);
    await forward.client.pullIntent('both', digest);
    await forward.client.pullIntent('successor', digest);
    const protocols = (node: GoServer): readonly unknown[] =>
      node.observed({ event: 'pull_intent' }).map(({ protocol }) => protocol);
    const [first, second] = ['/gantry/coord/1.0.0', '/gantry/coord/1.1.0'];
    await expect.poll(() => protocols(both), PATIENCE).toEqual([first, second]);
    await expect.poll(() => protocols(successor), PATIENCE).toEqual([second]);
  }, 120_000);

  it('finds what a Go node has announced, and copies it', async () => {
    await using node = await startNode('-id', 'go');
    await using asker = await Asker.start({ go: node });
    expect(await asker.join(node)).toBe(1);
    const held = await tell(node, { do: 'hold', seed: 'held', size: 3_000_000 });
    await expect.poll(() => node.observed({ event: 'provided', digest: held }), PATIENCE).not.toEqual([]);
    const find = async (digest: Digest): Promise<readonly PeerTarget[]> =>
      await asker.network.routing.findProviders(digestBytes(digest), { ...LIMIT, count: 20 });
    await expect.poll(async () => await find(held), PATIENCE).toMatchObject([{ id: node.peerId }]);
    expect(await find(digestOf('nothing'))).toEqual([]);
    const provider = { nodeId: 'go', addr: node.transfer };
    const request = { provider, digest: held, kind: 'blob', repository: 'library/thing' } as const;
    const signal = AbortSignal.timeout(60_000);
    expect(await asker.transfers.head({ ...request, signal })).toMatchObject({ size: 3_000_000 });
    const open = async (offset: number): Promise<Uint8Array> => {
      const reply = await asker.transfers.open({ ...request, offset, acceptsPartial: true, signal });
      expect(reply).toMatchObject({ kind: 'body', offset, size: 3_000_000, isPartial: false });
      return reply.kind === 'body' ? await buffer(reply.body) : new Uint8Array();
    };
    const whole = await open(0);
    expect(digestOf(whole)).toBe(held);
    expect(Buffer.compare(await open(1_000_000), whole.subarray(1_000_000))).toBe(0);
    const missing = { ...request, digest: digestOf('nothing'), offset: 0, acceptsPartial: true, signal };
    expect(await asker.transfers.open(missing)).toMatchObject({ kind: 'refused', outcome: 'notfound' });
    await expect
      .poll(
        () => node.observed({ event: 'transfer', mirrored: '1', node: 'asker' }).map(transferOf),
        PATIENCE,
      )
      .toEqual(['HEAD 200', 'GET 200', 'GET 206', 'GET 404']);
  }, 120_000);

  it('announces what a Go node finds', async () => {
    await using node = await startNode('-id', 'go');
    await using asker = await Asker.start({ go: node });
    expect(await asker.join(node)).toBe(1);
    const digest = digestOf('what Muster has');
    await expect
      .poll(
        async () => await asker.network.routing.provide(digestBytes(digest), LIMIT).then(() => true, String),
        PATIENCE,
      )
      .toBe(true);
    await expect
      .poll(async () => {
        await tell(node, { do: 'find', digest });
        return node.observed({ event: 'found', digest }).at(-1);
      }, PATIENCE)
      .toMatchObject({ providers: [asker.network.streams.self] });
  }, 120_000);
});

/** Gives a command; the digest of the object that it is about. */
async function tell(node: GoServer, command: Readonly<Record<string, unknown>>): Promise<Digest> {
  const { digest } = await node.tell(command);
  return digest as Digest;
}

/** Kind and number of digests of a please_pull. */
function pullOf({ kind, digests }: Observation): string {
  return `${String(kind)} ${(digests as readonly string[]).length}`;
}

function transferOf({ method, status }: Observation): string {
  return `${String(method)} ${String(status)}`;
}
