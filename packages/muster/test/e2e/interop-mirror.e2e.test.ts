import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Digest, digestOf } from '@muster/coordination';
import { systemRandom } from '@muster/core';
import { Psk } from '@muster/discovery/keys';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/temporary.ts';
import { PATIENCE } from './fleet.ts';
import { drive, go, type GoServer, hasGo } from './go-programs.ts';
import { MixedFleet, type MixedPlan } from './mixed-fleet.ts';

/**
 * `muster mirror run` and nodes made with go-libp2p and go-libp2p-kad-dht, in one cluster. Without Go this is left out, unless
 * MUSTER_REQUIRE_PROGRAMS=1 says that the machine must have it.
 */

const LONG = { timeout: 300_000 };

describe.runIf(hasGo())('mirrors in a cluster of two languages', LONG, () => {
  const folder = temporaryFolder();
  let programs = '';
  let program = '';

  beforeAll(async () => {
    programs = await mkdtemp(join(tmpdir(), 'muster-go-'));
    program = join(programs, 'coordination');
    await go('coordination', 'build', '-o', program, '.');
  }, 420_000);
  afterAll(async () => await rm(programs, { recursive: true, force: true }));

  const start = async (plan: Partial<MixedPlan> = {}): Promise<MixedFleet> =>
    await MixedFleet.start({ folder: folder.path('fleet'), program, mirrors: 1, nodes: ['go'], ...plan });

  it('answer a Go peer as the protocol wants it', async () => {
    await using fleet = await start({ nodes: ['go-a', 'go-b'] });
    const { origin } = fleet;
    const agent = fleet.mirrors.at(0);
    const [digest, pullable] = [0, 1].map(() => origin.add(randomBytes(300_000))) as [Digest, Digest];
    const slowBytes = randomBytes(200_000);
    const slow = origin.add(slowBytes);
    const answer = (response: ServerResponse): void =>
      void response.writeHead(200, { 'content-length': slowBytes.length }).end(slowBytes);
    origin.script(slow, {
      kind: 'custom',
      answer: (_, response) => void setTimeout(answer, 1_500, response),
    });
    expect(await fleet.get(0, digest)).toMatchObject({ status: 200, digest });
    const { code, report } = await drive(program, {
      agent: await fleet.multiaddr(0),
      transfer: agent.transfer,
      digest,
      registry: 'lab',
      repository: 'library/thing',
      missing: digestOf('missing'),
      pullable,
      slow,
      'node-id': agent.nodeId,
      members: fleet.ids.join(),
      metrics: agent.ops.slice('http://'.length),
    });
    expect(report.checks.filter(({ ok }) => !ok)).toEqual([]);
    expect([code, report.failed]).toEqual([0, 0]);
    expect(report.passed).toBeGreaterThan(220);
    const groups = 'stack intent pull hostile dht transfer limits';
    expect(new Set(report.checks.map(({ group }) => group))).toEqual(new Set(groups.split(' ')));
  });

  it('have a Go node pull, all of them at once, and copy from it', async () => {
    await using fleet = await start({ mirrors: 2 });
    const node = fleet.node('go');
    const digest = await tell(node, { do: 'offer', text: fleet.pick('go'), delay_ms: 1_000 });
    const got = await Promise.all([fleet.get(0, digest), fleet.get(1, digest)]);
    expect(got).toMatchObject([
      { status: 200, digest },
      { status: 200, digest },
    ]);
    expect(fleet.origin.countsOf(digest)).toMatchObject({ get: 0, head: 0 });
    const place = { registry: 'lab', repository: 'library/thing', kind: 'KIND_BLOB' };
    await expect.poll(() => node.observed({ event: 'please_pull', ...place }), PATIENCE).not.toEqual([]);
    expect(node.observed({ event: 'pulled', digest })).toHaveLength(1);
    const askers = new Set(node.observed({ event: 'pull_intent', digest }).map(({ from }) => from));
    expect(askers).toEqual(new Set(fleet.mirrors.agents.map(({ peerId }) => peerId)));
    const copied = node.observed({ event: 'transfer', status: 200, mirrored: '1' });
    expect(copied.map(({ path }) => path)).toContain(`/v2/library/thing/blobs/${digest}`);
  });

  it('copy what a Go node has announced, without asking anybody to pull it', async () => {
    await using fleet = await start();
    const node = fleet.node('go');
    const digest = await tell(node, { do: 'hold', seed: 'held', size: 5_000_000 });
    await expect.poll(() => node.observed({ event: 'provided', digest }), PATIENCE).not.toEqual([]);
    expect(await fleet.get(0, digest)).toMatchObject({ status: 200, digest });
    expect(node.observed({ event: 'please_pull' })).toEqual([]);
    expect(fleet.origin.countsOf(digest)).toMatchObject({ get: 0, head: 0 });
    // From then on a Go node finds the mirror, too.
    const { peerId } = fleet.mirrors.at(0);
    await expect
      .poll(async () => {
        await tell(node, { do: 'find', digest });
        return node.observed({ event: 'found', digest }).at(-1)?.['providers'];
      }, PATIENCE)
      .toContain(peerId);
  });

  it('believe what a Go node says of its failures', async () => {
    await using fleet = await start();
    const node = fleet.node('go');
    for (const failureClass of ['auth', 'not_found', 'rate_limited', 'transient']) {
      const digest = fleet.origin.add(Buffer.from(fleet.pick('go'))) as Digest;
      await tell(node, { do: 'answer', digest, answer: 'fail', class: failureClass, ms: 60_000 });
      const { status, headers } = await fleet.get(0, digest);
      expect([failureClass, status]).toEqual([failureClass, 503]);
      const retryAfter = Number(headers.get('retry-after') ?? Number.NaN);
      if (failureClass === 'rate_limited' || failureClass === 'transient') {
        expect(retryAfter).toBeGreaterThan(0);
      }
      expect(fleet.origin.countsOf(digest)).toMatchObject({ get: 0, head: 0 });
    }
  });

  it('go around Go nodes that do not answer, or answer what is not so', async () => {
    await using fleet = await start();
    const node = fleet.node('go');
    const answers = 'close reset hang garbage truncated oversized padded wrong idle cached'.split(' ');
    for (const answer of answers) {
      const digest = fleet.origin.add(Buffer.from(fleet.pick('go'))) as Digest;
      await tell(node, { do: 'answer', digest, answer });
      expect([answer, await fleet.get(0, digest)]).toMatchObject([answer, { status: 200, digest }]);
      expect(fleet.origin.countsOf(digest).get).toBe(1);
    }
  });

  it('take over a pull that a Go node has begun long ago', async () => {
    await using fleet = await start();
    const digest = fleet.origin.add(Buffer.from(fleet.pick('go'))) as Digest;
    await tell(fleet.node('go'), { do: 'answer', digest, answer: 'in_flight', ms: 600_000 });
    expect(await fleet.get(0, digest)).toMatchObject({ status: 200, digest });
    expect(fleet.origin.countsOf(digest).get).toBe(1);
    const takeovers = await fleet.mirrors.metrics();
    expect(takeovers.sum('p2p_designated_puller_takeover_total')).toBe(1);
  });

  it('go on with another Go node when a transfer breaks off', async () => {
    const flags = (id: string): readonly string[] => ['-zone', id === 'near' ? 'here' : 'there'];
    await using fleet = await start({ nodes: ['near', 'far'], settings: { zone: 'here' }, flags });
    const object = { seed: 'whole', size: 5_000_000 };
    const [near, far] = [fleet.node('near'), fleet.node('far')];
    const digest = await tell(near, { do: 'hold', ...object });
    await tell(near, { do: 'cut', digest, size: 2_000_000 });
    await tell(far, { do: 'hold', ...object });
    for (const node of [near, far]) {
      await expect.poll(() => node.observed({ event: 'provided', digest }), PATIENCE).not.toEqual([]);
    }
    expect(await fleet.get(0, digest)).toMatchObject({ status: 200, digest });
    expect(fleet.origin.countsOf(digest)).toMatchObject({ get: 0, head: 0 });
    await expect
      .poll(() => near.observed({ event: 'transfer', status: 200, bytes: 2_000_000 }), PATIENCE)
      .toHaveLength(1);
    const [rest] = far.observed({ event: 'transfer', status: 206 });
    const offset = 5_000_000 - (rest?.['bytes'] as number);
    expect(rest?.['range']).toBe(`bytes=${offset}-`);
    expect(offset).toBeGreaterThan(0);
  });

  it.each([100_000, 3_000_000])(
    'hand on nothing of %i bytes that a Go node serves for another digest',
    async (size) => {
      await using fleet = await start();
      const node = fleet.node('go');
      const digest = fleet.origin.add(randomBytes(size)) as Digest;
      await tell(node, { do: 'lie', digest, seed: 'lie', size });
      await expect.poll(() => node.observed({ event: 'provided', digest }), PATIENCE).not.toEqual([]);
      // Of a large object, a client may have got a part before the end showed what it was.
      const got = await fleet.get(0, digest).catch(() => 'cut');
      if (got !== 'cut') expect(got).toMatchObject({ status: 200, digest });
      else expect(size).toBeGreaterThan(1_048_576);
      expect(await fleet.get(0, digest)).toMatchObject({ status: 200, digest });
      const path = `/v2/library/thing/blobs/${digest}`;
      await expect
        .poll(() => node.observed({ event: 'transfer', path, bytes: size }), PATIENCE)
        .toHaveLength(1);
      expect(fleet.origin.countsOf(digest).get).toBe(1);
    },
  );

  it('are alone with their pre-shared key, unless a Go node has it, too', async () => {
    const psk = folder.path('psk.key');
    await writeFile(psk, Psk.generate(systemRandom).toText(), { mode: 0o600 });
    await using fleet = await start({ settings: { psk_path: psk }, flags: () => ['-psk', psk] });
    const node = fleet.node('go');
    const digest = await tell(node, { do: 'offer', text: fleet.pick('go') });
    expect(await fleet.get(0, digest)).toMatchObject({ status: 200, digest });
    const agent = await fleet.multiaddr(0);
    const outside = await drive(program, { ...outsiderOf(fleet), agent });
    expect(outside.report.checks.map(({ ok }) => ok)).toEqual([false]);
  });
});

/** Gives a command; the digest of the object that it is about. */
async function tell(node: GoServer, command: Readonly<Record<string, unknown>>): Promise<Digest> {
  const { digest } = await node.tell(command);
  return digest as Digest;
}

/** Flags of a peer that has no key: it does not get as far as asking. */
function outsiderOf(fleet: MixedFleet): Readonly<Record<string, string>> {
  const digest = digestOf('anything');
  const place = { registry: 'lab', repository: 'library/thing' };
  return { transfer: fleet.mirrors.at(0).transfer, digest, missing: digest, ...place };
}
