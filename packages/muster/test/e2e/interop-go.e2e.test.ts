import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/temporary.ts';
import { Fleet, type Member, PATIENCE } from './fleet.ts';
import { drive, go, GoServer, hasGo } from './go-programs.ts';

/**
 * Real processes of Muster and programs made with go-libp2p, go-libp2p-kad-dht and go-libp2p-pubsub on one overlay.
 * Without Go this is left out, unless MUSTER_REQUIRE_PROGRAMS=1 says that the machine must have it.
 */

/** The fleet's time scale: records that live longer than its limits are refused. */
const SCALED = ['-time-scale', '0.1'];

describe.runIf(hasGo())('overlay of two languages', () => {
  const folder = temporaryFolder();
  let programs = '';
  let program = '';

  beforeAll(async () => {
    programs = await mkdtemp(join(tmpdir(), 'muster-go-'));
    program = join(programs, 'discovery');
    await go('discovery', 'build', '-o', program, '.');
  }, 420_000);
  afterAll(async () => await rm(programs, { recursive: true, force: true }));

  it("passes the Go programs' own tests", async () => {
    await go('discovery', 'vet', './...');
    const lines = await go('discovery', 'test', './...');
    expect(lines).toMatch(/^ok\s/m);
    expect(lines).not.toMatch(/FAIL/);
  }, 420_000);

  it('answers a Go peer as the protocol wants it', async () => {
    await using fleet = await Fleet.make(folder.path('peer'));
    const first = await fleet.start('first', { mode: 'indexer', timeScale: 1 });
    const second = await fleet.start('second', { mode: 'indexer', timeScale: 1, seeds: [first] });
    const small = await fleet.start('small', { mode: 'indexer', timeScale: 1, flags: ['--max-nodes=1'] });
    const node = await fleet.start('known-node', {
      timeScale: 1,
      seeds: [first],
      flags: ['--max-indexer=1'],
    });
    await node.isReady();
    const { code, report } = await drive(program, {
      psk: fleet.pskPath,
      indexer: first.address,
      indexer2: second.address,
      'small-indexer': small.address,
      'expect-node': node.ready.peerId,
      'expect-name': 'known-node',
    });
    expect(report.checks.filter(({ ok }) => !ok)).toEqual([]);
    expect([code, report.failed]).toEqual([0, 0]);
    expect(report.passed).toBeGreaterThan(140);
    const groups = 'overlay heartbeat records dht measure search gossip candidates refusals limits';
    expect(new Set(report.checks.map(({ group }) => group))).toEqual(new Set(groups.split(' ')));
  }, 300_000);

  it('heartbeats, publishes, verifies, gets and searches with a Go indexer', async () => {
    await using fleet = await Fleet.make(folder.path('node'));
    await using indexer = await GoServer.start(program, [
      'indexer',
      '-psk',
      fleet.pskPath,
      '-companions',
      '2',
      ...SCALED,
    ]);
    const node = await fleet.start('alpha', { seeds: [indexer], flags: ['--max-indexer=1'] });
    await node.isReady();
    expect(await node.healthy()).toEqual([indexer.peerId]);
    const { peerId: from, did } = node.ready;
    const observes = async (members: object): Promise<void> =>
      await expect.poll(() => indexer.observed({ ...members }).length, PATIENCE).toBeGreaterThan(0);
    await observes({ event: 'heartbeat', from, name: 'alpha', verified: true, referent: true });
    await observes({ event: 'publish', from, name: 'alpha', did, ok: true });
    await expect
      .poll(() => indexer.observed({ event: 'probe', peer: from, same: true }).length, PATIENCE)
      .toBe(2);
    expect(await node.search('go-companion')).toEqual(['go-companion-1', 'go-companion-2']);
    const [companion] = indexer.observed({ event: 'heartbeat', name: 'go-companion-1' });
    const sought = companion?.['from'] as string;
    expect(await node.ask(`/peers/${sought}`)).toMatchObject({ name: 'go-companion-1', peer_id: sought });
    await observes({ event: 'get', from, peer_id: sought, found: true });
    await observes({ event: 'witness', from, about: indexer.peerId, seen: true });
    // Every 1 to 10 heartbeats it asks about itself, and with each fifth batch about its record in the DHT.
    await expect
      .poll(async () => await evidenceOf(node, indexer), { ...PATIENCE, timeout: 200_000 })
      .toMatchObject({ hasAsked: true, isGood: true });
    await observes({ event: 'dht_challenge', from, did, found: true });
    expect(await indexer.stop()).toBe(0);
  }, 330_000);

  it('shares topic and DHT with a Go indexer', async () => {
    await using fleet = await Fleet.make(folder.path('mixed'));
    await using indexer = await GoServer.start(program, [
      'indexer',
      '-psk',
      fleet.pskPath,
      '-companions',
      '1',
      ...SCALED,
    ]);
    const hub = await fleet.start('hub', { mode: 'indexer', seeds: [indexer] });
    const alpha = await fleet.start('alpha', { seeds: [indexer], flags: ['--max-indexer=1'] });
    const bravo = await fleet.start('bravo', { seeds: [hub], flags: ['--max-indexer=1'] });
    await Promise.all([alpha.isReady(), bravo.isReady(), hub.isReady()]);
    // A query of either indexer crosses to the other, which answers over P8.
    await expect.poll(async () => await bravo.search('go-comp'), PATIENCE).toEqual(['go-companion-1']);
    await expect.poll(async () => await alpha.search('BRAVO'), PATIENCE).toEqual(['bravo']);
    const other = hub.ready.peerId;
    expect(indexer.observed({ event: 'search_query', emitter: other, name: 'go-comp', hits: 1 })).not.toEqual(
      [],
    );
    expect(indexer.observed({ event: 'search_answered', emitter: other, ok: true })).not.toEqual([]);
    expect(indexer.observed({ event: 'search_response', from: other, accepted: true })).not.toEqual([]);
    // What the DHT of either has put, the other gets.
    const [companion] = indexer.observed({ event: 'heartbeat', name: 'go-companion-1' });
    const sought = companion?.['from'] as string;
    await expect
      .poll(async () => await bravo.ask(`/peers/${sought}`), PATIENCE)
      .toMatchObject({ name: 'go-companion-1' });
    await expect
      .poll(async () => await alpha.ask(`/peers/${bravo.ready.did}`), PATIENCE)
      .toMatchObject({ name: 'bravo', peer_id: bravo.ready.peerId });
    // Both find the other as a provider of the indexers' CID: a suggestion comes from nowhere else.
    await expect
      .poll(async () => await hub.ask('/indexer'), PATIENCE)
      .toMatchObject({ suggested: [{ ID: indexer.peerId }] });
    // When one of several is lost, those that are left are asked for candidates.
    const charlie = await fleet.start('charlie', { seeds: [indexer] });
    await expect
      .poll(async () => await charlie.healthy(), PATIENCE)
      .toEqual([indexer.peerId, other].toSorted());
    hub.process.signal('SIGKILL');
    const asked = { event: 'candidates', from: charlie.ready.peerId };
    await expect.poll(() => indexer.observed(asked), PATIENCE).not.toEqual([]);
  }, 300_000);

  it('gets nowhere with another pre-shared key', async () => {
    await using fleet = await Fleet.make(folder.path('outside'));
    await using indexer = await GoServer.start(program, ['indexer', '-psk', fleet.pskPath]);
    const psk = join(fleet.folder, 'other.key');
    await fleet.writePsk(psk);
    const outsider = await fleet.start('outsider', { seeds: [indexer], psk });
    await expect.poll(() => outsider.process.stderr, PATIENCE).toContain('the same pre-shared key');
    expect(await outsider.healthy()).toEqual([]);
    expect(indexer.observed({ from: outsider.ready.peerId })).toEqual([]);
    const member = await fleet.start('member', { seeds: [indexer] });
    await member.isReady();
  }, 120_000);
});

/** The checks of an indexer that a node has made: whether there were some of each kind, and whether all were good. */
async function evidenceOf(node: Member, indexer: GoServer): Promise<object> {
  const { evidence } = (await node.ask(`/scores/${indexer.peerId}`)) as {
    readonly evidence: Readonly<Record<string, number>>;
  };
  const checked = ['challengesChecked', 'dhtChecked', 'witnessesChecked', 'fillChecked'];
  const good = ['challengesCorrect', 'dhtSucceeded', 'witnessesConsistent', 'fillConsistent'];
  const counts = (names: readonly string[]): readonly number[] => names.map((name) => evidence[name] ?? 0);
  return {
    evidence,
    hasAsked: counts(checked).every((count) => count > 0),
    isGood: counts(checked).join() === counts(good).join(),
  };
}
