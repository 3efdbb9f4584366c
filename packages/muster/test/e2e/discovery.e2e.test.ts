import { once } from 'node:events';
import { createServer } from 'node:net';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EXIT_CODES } from '@muster/core';
import { RELATIONS } from '@muster/discovery';
import { FilePeerStore } from '@muster/discovery/host';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/temporary.ts';
import { finds, Fleet, type Member, PATIENCE } from './fleet.ts';
import { muster } from './processes.ts';

const folder = temporaryFolder();

const makeFleet = async (): Promise<Fleet> => await Fleet.make(folder.path('fleet'));

/** Runs `muster <args>` to its end. */
async function run(
  ...args: readonly string[]
): Promise<{ exitCode: unknown; stdout: string; stderr: string }> {
  await using process = muster(args, folder.path());
  const exitCode = await process.ended();
  return { exitCode, stdout: process.stdout, stderr: process.stderr };
}

function peerIds(...members: readonly Member[]): readonly string[] {
  return members.map(({ ready }) => ready.peerId).sort();
}

describe('topologies of real processes', () => {
  it('TOPO-1: one indexer and one node', async () => {
    await using fleet = await makeFleet();
    const indexer = await fleet.start('indexer', { mode: 'indexer' });
    const node = await fleet.start('alpha', { seeds: [indexer] });
    await node.isReady();
    await indexer.isReady();
    expect(await node.healthy()).toEqual(peerIds(indexer));
    const listed = await run('peers', 'list', '--status', indexer.ready.status, '--json');
    expect(JSON.parse(listed.stdout)).toMatchObject({
      roles: ['indexer'],
      nodes: [{ peer_id: node.ready.peerId, name: 'alpha', has_record: true }],
    });
    const events = await fetch(`http://${node.ready.status}/events?topics=heartbeat.*`);
    const decoder = new TextDecoder();
    let text = '';
    for await (const chunk of events.body ?? []) {
      text += decoder.decode(chunk, { stream: true });
      if (text.includes('"outcome":"ok"')) break;
    }
    expect(text).toMatch(/id: \w+-\d+\nevent: heartbeat\.outcome\ndata: \{"at":\d+,"peer":"12D3KooW/);
  });

  it('TOPO-2: nodes on different indexers find each other by name, id and DID, and explain scores', async () => {
    await using fleet = await makeFleet();
    const first = await fleet.start('indexer-1', { mode: 'indexer' });
    const second = await fleet.start('indexer-2', { mode: 'indexer', seeds: [first] });
    const p = await fleet.start('papa', { seeds: [second], flags: ['--max-indexer=1'] });
    const q = await fleet.start('quebec', { seeds: [first], flags: ['--max-indexer=1'] });
    await expect.poll(async () => await p.search('quebec'), PATIENCE).toEqual(['quebec']);
    await expect.poll(async () => await q.search('PAPA'), PATIENCE).toEqual(['papa']);
    const status = ['--status', p.ready.status];
    const found = await run('peers', 'search', 'queb', ...status, '--json');
    const lines = found.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(found.exitCode).toBe(EXIT_CODES.ok.code);
    expect(lines).toEqual([
      expect.objectContaining({ event: 'hit', peer_id: q.ready.peerId, name: 'quebec', verified: true }),
      expect.objectContaining({ event: 'end', hits: 1 }),
    ]);
    for (const key of [q.ready.peerId, q.ready.did]) {
      const { stdout } = await run('peers', 'get', key, ...status, '--json');
      expect(JSON.parse(stdout)).toMatchObject({ peer_id: q.ready.peerId, did: q.ready.did, name: 'quebec' });
    }
    const { stdout } = await run('peers', 'score', second.ready.peerId.slice(-8), ...status);
    for (const word of [second.ready.peerId, 'uptime', 'challenge', 'witness', 'What would evict it:']) {
      expect(stdout).toContain(word);
    }
    expect((await run('peers', 'search', 'nobody-has-this', ...status)).exitCode).toBe(
      EXIT_CODES.notFound.code,
    );
  });

  it(
    'TOPO-3: five indexers and twenty nodes from one command, each node found by name',
    { timeout: 600_000 },
    async () => {
      const fleet = [
        '--indexers',
        '5',
        '--nodes',
        '20',
        '--port',
        '0',
        '--processes',
        '--data',
        folder.path('demo'),
      ];
      await using demo = muster(['node', 'demo', '--json', ...fleet], folder.path());
      await demo.printed('"converged"');
      const [first = ''] = demo.stdout.split('\n');
      const { members } = JSON.parse(first) as { members: { name: string; role: string; status: string }[] };
      const nodes = members.filter(({ role }) => role === 'node');
      expect(members).toHaveLength(25);
      expect(nodes).toHaveLength(20);
      const asked = nodes[0]?.status ?? '';
      for (const { name } of nodes.slice(1)) {
        await expect.poll(async () => await finds(asked, name), PATIENCE).toBe(true);
      }
      demo.signal('SIGTERM');
      expect(await demo.ended()).toBe(EXIT_CODES.ok.code);
    },
  );

  it('TOPO-4: three processes that are node and indexer', async () => {
    await using fleet = await makeFleet();
    const mode = 'node,indexer';
    const first = await fleet.start('alpha', { mode });
    const second = await fleet.start('bravo', { mode, seeds: [first] });
    const third = await fleet.start('charlie', { mode, seeds: [first, second] });
    for (const member of [first, second, third]) await member.isReady();
    expect(third.ready.roles).toEqual(['node', 'indexer']);
    await expect.poll(async () => await third.search('alpha'), PATIENCE).toEqual(['alpha']);
    await expect.poll(async () => await first.search('charlie'), PATIENCE).toEqual(['charlie']);
    for (const member of [first, second, third]) {
      expect(await member.healthy()).not.toContain(member.ready.peerId);
    }
  });

  it('TOPO-5: an indexer without any seed is there first', async () => {
    await using fleet = await makeFleet();
    const first = await fleet.start('indexer-1', { mode: 'indexer' });
    expect((await first.status()).pool.entries).toEqual([]);
    const second = await fleet.start('indexer-2', { mode: 'indexer', seeds: [first] });
    const node = await fleet.start('alpha', { seeds: [first] });
    await node.isReady();
    await first.isReady();
    await second.isReady();
    await expect.poll(async () => await first.healthy(), PATIENCE).toEqual(peerIds(second));
    await expect.poll(async () => await node.healthy(), PATIENCE).toEqual(peerIds(first, second));
  });
});

describe('indexers that fail', () => {
  it('a killed one leaves the pool when it is no seed, stays listed when it is, and searches go on', async () => {
    await using fleet = await makeFleet();
    const first = await fleet.start('indexer-1', { mode: 'indexer' });
    const second = await fleet.start('indexer-2', { mode: 'indexer', seeds: [first] });
    const third = await fleet.start('indexer-3', { mode: 'indexer', seeds: [first, second] });
    const p = await fleet.start('papa', { seeds: [first] });
    const q = await fleet.start('quebec', { seeds: [second] });
    for (const node of [p, q]) {
      await expect.poll(async () => await node.healthy(), PATIENCE).toEqual(peerIds(first, second, third));
    }
    second.process.signal('SIGKILL');
    await expect.poll(async () => await p.healthy(), PATIENCE).toEqual(peerIds(first, third));
    expect((await p.status()).pool.entries.map(({ peer_id }) => peer_id)).not.toContain(second.ready.peerId);
    await expect.poll(async () => await q.healthy(), PATIENCE).toEqual(peerIds(first, third));
    expect((await q.status()).pool.entries).toContainEqual(
      expect.objectContaining({ peer_id: second.ready.peerId, healthy: false, seed: true }),
    );
    await expect.poll(async () => await p.search('quebec'), PATIENCE).toEqual(['quebec']);
  });

  it('a frozen one is evicted while its connection stays, and is no longer asked', async () => {
    await using fleet = await makeFleet();
    const first = await fleet.start('indexer-1', { mode: 'indexer' });
    const frozen = await fleet.start('indexer-2', { mode: 'indexer', seeds: [first] });
    const node = await fleet.start('papa', { seeds: [first] });
    await expect.poll(async () => await node.healthy(), PATIENCE).toEqual(peerIds(first, frozen));
    frozen.process.signal('SIGSTOP');
    await expect
      .poll(async () => (await node.status()).pool.entries.map(({ peer_id }) => peer_id), PATIENCE)
      .toEqual(peerIds(first));
    expect(await node.healthy()).toEqual(peerIds(first));
    const metrics = await (await fetch(`http://${node.ready.status}/metrics`)).text();
    expect(metrics).toMatch(/^oc_heartbeats_total\{outcome="silent"\} [1-9]/m);
  });

  it('a node outlives the loss of all indexers, and joins again when one is back', async () => {
    await using fleet = await makeFleet();
    const ports = ['--node-endpoint-port', await freePort()];
    const indexer = await fleet.start('indexer', { mode: 'indexer', flags: ports });
    const node = await fleet.start('papa', { seeds: [indexer] });
    await node.isReady();
    indexer.process.signal('SIGKILL');
    await indexer.process.ended();
    await expect.poll(async () => await node.healthy(), PATIENCE).toEqual([]);
    expect((await node.status()).not_ready_because).toEqual(['0 of at least 1 indexers are healthy']);
    const again = await fleet.start('indexer', { mode: 'indexer', flags: ports });
    expect(again.ready.peerId).toBe(indexer.ready.peerId);
    await node.isReady();
    await expect.poll(async () => (await again.status()).indexer?.records, PATIENCE).toBe(1);
  });
});

describe('who does not belong', () => {
  it('gets nowhere with another pre-shared key, and is told so', async () => {
    await using fleet = await makeFleet();
    const indexer = await fleet.start('indexer', { mode: 'indexer' });
    const psk = folder.path('other.key');
    await fleet.writePsk(psk);
    const stranger = await fleet.start('stranger', { seeds: [indexer], psk });
    expect(stranger.ready.pskFingerprint).not.toBe(indexer.ready.pskFingerprint);
    await expect.poll(() => stranger.process.stderr, PATIENCE).toContain('PSK_MISMATCH');
    await expect.poll(() => indexer.process.stderr, PATIENCE).toContain('PSK_MISMATCH');
    expect((await indexer.status()).indexer?.records).toBe(0);
    expect((await stranger.status()).ready).toBe(false);
  });

  it('is cut off at once when it is blacklisted', async () => {
    await using fleet = await makeFleet();
    const indexer = await fleet.start('indexer', { mode: 'indexer' });
    const node = await fleet.start('papa', { seeds: [indexer] });
    await node.isReady();
    await expect.poll(async () => (await indexer.status()).indexer?.records, PATIENCE).toBe(1);
    const store = await FilePeerStore.open(join(indexer.ready.data, 'peers.json'));
    await store.upsert({
      id: node.ready.did,
      name: 'papa',
      peer_id: node.ready.peerId,
      public_key: '',
      api_url: '',
      stream_address: '',
      nats_address: '',
      wallet_address: '',
      relation: RELATIONS.BLACKLIST,
      verify: false,
      updated_at: 0,
    });
    await store.close();
    await expect.poll(async () => (await indexer.status()).indexer?.records, PATIENCE).toBe(0);
    await expect.poll(async () => await node.healthy(), PATIENCE).toEqual([]);
    expect(await indexer.ask('/bans')).toMatchObject({ blacklisted: [{ peer_id: node.ready.peerId }] });
    expect(indexer.process.stderr).toContain('peer.blacklisted');
  });
});

describe('a node as a process', () => {
  it('ends with the process that has started it, however that one ends', async () => {
    await using demo = muster(
      ['node', 'demo', '--json', '--port', '0', '--nodes', '1', '--processes', '--data', folder.path('demo')],
      folder.path(),
    );
    await demo.printed('"ready"');
    const [first = ''] = demo.stdout.split('\n');
    const { members } = JSON.parse(first) as { members: { pid: number }[] };
    expect(members).toHaveLength(3);
    expect(members.every(({ pid }) => isRunning(pid))).toBe(true);
    demo.signal('SIGKILL');
    await expect.poll(() => members.filter(({ pid }) => isRunning(pid)), PATIENCE).toEqual([]);
  });

  it('stops cleanly when it is asked to, and keeps its identity', async () => {
    await using fleet = await makeFleet();
    const indexer = await fleet.start('indexer', { mode: 'indexer' });
    const node = await fleet.start('papa', { seeds: [indexer] });
    await node.isReady();
    node.process.signal('SIGTERM');
    expect(await node.process.ended()).toBe(EXIT_CODES.ok.code);
    indexer.process.signal('SIGINT');
    expect(await indexer.process.ended()).toBe(EXIT_CODES.ok.code);
    const again = await fleet.start('papa');
    expect(again.ready).toMatchObject({ peerId: node.ready.peerId, did: node.ready.did });
  });

  it('ends at once on a second signal', async () => {
    await using fleet = await makeFleet();
    const node = await fleet.start('papa', { flags: ['--log-level=info'] });
    node.process.signal('SIGTERM');
    await expect.poll(() => node.process.stderr, PATIENCE).toContain('stopping');
    const ended = node.process.ended();
    // Signals within a moment are taken for one; after that it ends at once, unless it has ended already.
    while (
      (await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 350, 'runs'))])) === 'runs'
    ) {
      node.process.signal('SIGTERM');
    }
    expect([EXIT_CODES.ok.code, EXIT_CODES.terminated.code]).toContain(await ended);
  });

  it('says which port is taken', async () => {
    await using fleet = await makeFleet();
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    try {
      for (const flag of ['--node-endpoint-port', '--status-port']) {
        await using process = fleet.launch('papa', { flags: [`${flag}=${port}`] });
        expect(await process.ended(), process.stderr).toBe(EXIT_CODES.addressInUse.code);
        const line = process.stderr.split('\n').find((text) => text.startsWith('{"error"')) ?? '';
        expect(JSON.parse(line)).toMatchObject({
          error: { code: 'ADDRESS_IN_USE', hint: expect.stringContaining(`${flag} ${port + 1}`) },
        });
      }
    } finally {
      server.close();
    }
  });

  it('refuses what is wrong before anything is started, one line for each key', async () => {
    const config = folder.path('discovery.json');
    await writeFile(
      config,
      JSON.stringify({ NODE_MODE: 'native-indexer', MAX_NODES: 'many', TIME_SCALE: 1 }),
    );
    const { exitCode, stderr, stdout } = await run('node', 'run', '--config', config, '--json');
    expect({ exitCode, stdout }).toEqual({ exitCode: EXIT_CODES.usage.code, stdout: '' });
    const { error } = JSON.parse(stderr) as { error: { code: string; message: string } };
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.message.split('\n')).toEqual([
      '2 settings are wrong',
      expect.stringContaining('the tier native-indexer was removed'),
      expect.stringContaining('max-nodes: "many" is not a whole number'),
    ]);
  });

  it('refuses to start without keys, unless it may make them', async () => {
    const psk = folder.path('psk.key');
    const flags = ['--psk-path', psk, '--private-key-path', folder.path('none.pem')];
    const noKey = await run('node', 'run', ...flags, '--json');
    expect(noKey.exitCode).toBe(EXIT_CODES.usage.code);
    expect(noKey.stderr).toContain('KEY_FILE_INVALID');
    const keys = ['--public-key-path', folder.path('none.pub'), '--generate-keys'];
    const noPsk = await run('node', 'run', ...flags, ...keys, '--json');
    expect(noPsk.exitCode).toBe(EXIT_CODES.usage.code);
    expect(JSON.parse(noPsk.stderr.trim().split('\n').at(-1) ?? '')).toMatchObject({
      error: { code: 'PSK_INVALID', hint: expect.stringContaining(`keys psk --out ${psk}`) },
    });
  });
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** A port that was free a moment ago. */
async function freePort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return String(typeof address === 'object' && address !== null ? address.port : 0);
}
