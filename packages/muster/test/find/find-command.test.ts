import { EXIT_CODES } from '@muster/core';
import { Identity } from '@muster/core/identity';
import { RegistryClient } from '@muster/client';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { FleetRegistry, NETWORK_TOKEN } from '../support/fleet-registry.ts';
import { healthyWith, startMember } from '../support/member-node.ts';
import type { RunningNode } from '../support/running-node.ts';
import { StatusEndpoint } from '../support/status-endpoint.ts';
import { claimOf, identityOf } from '../support/signed-records.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { errorOf, run } from '../support/test-io.ts';
import { until } from '../support/until.ts';

const folder = temporaryFolder();

interface Shown {
  readonly source: string;
  readonly registryUnreachable: string | null;
  readonly located: readonly {
    readonly peerId: string;
    readonly nodeId: number;
    readonly source: string;
    readonly proof: string;
    readonly addresses: readonly string[];
    readonly ageMs: number;
    readonly stalenessBoundMs: number;
  }[];
}

async function find(what: string, ...flags: readonly string[]) {
  const outcome = await run(['find', what, '--json', ...flags]);
  return { ...outcome, shown: outcome.stdout === '' ? undefined : (JSON.parse(outcome.stdout) as Shown) };
}

/** What `muster dev` would write of these. */
function fleetOf(registry: FleetRegistry, { ready }: RunningNode): object {
  return {
    version: 1,
    musterVersion: '0.1.0',
    pid: process.pid,
    startedAt: 0,
    folder: folder.path(),
    page: 'http://127.0.0.1:1/',
    control: { url: 'http://127.0.0.1:1', tokenFile: 'none' },
    registry: { address: registry.address, http: '', adminTokenFile: 'none', network: registry.network },
    pskFile: 'none',
    origin: { url: '', registry: '', repository: '', tag: '', digest: '', bytes: 0 },
    members: [
      { name: 'gone', role: 'node', state: 'killed', status: '127.0.0.1:1' },
      { name: ready.name, role: 'node', state: 'running', status: ready.status },
    ],
  };
}

describe('muster find', () => {
  it('is answered by the registry, and by the overlay when the registry is gone, for the same names', async () => {
    await using registry = await FleetRegistry.start(folder.path('registry'));
    const start = async (name: string, ...flags: readonly string[]) =>
      await startMember(folder.path('members'), name, { registry, flags });
    await using indexer = await start('indexer', '--node-mode=indexer');
    await using alpha = await start('alpha', '--registry-tags=blue');
    await using beta = await start('beta');
    await healthyWith(alpha, indexer);
    await healthyWith(beta, indexer);
    const { nodeId } = await registry.owner.resolveHostname('alpha');
    const names = ['alpha', 'ALPHA', '#blue', 'blue', alpha.ready.peerId, alpha.ready.did, String(nodeId)];
    const flags = [
      `--registry=${registry.address}`,
      `--network=${registry.network}`,
      `--status=${beta.ready.status}`,
      `--members-file=${folder.path('members', 'beta', 'members.json')}`,
    ];
    for (const what of names) {
      const { exitCode, shown } = await find(what, ...flags);
      expect([what, exitCode, shown?.source, shown?.registryUnreachable]).toEqual([
        what,
        0,
        'registry',
        null,
      ]);
      expect(shown?.located).toMatchObject([
        {
          peerId: alpha.ready.peerId,
          nodeId,
          source: 'registry',
          proof: 'authority',
          stalenessBoundMs: 180_000,
        },
      ]);
      expect(`${shown?.located[0]?.addresses[0]}/p2p/${alpha.ready.peerId}`).toBe(alpha.ready.addresses[0]);
    }
    expect((await find('nobody', ...flags)).exitCode).toBe(EXIT_CODES.notFound.code);

    await until('the list of beta names alpha', async () =>
      (await readFile(folder.path('members', 'beta', 'members.json'), 'utf8').catch(() => '')).includes(
        '"blue"',
      ),
    );
    await until('the overlay knows alpha', async () => {
      const answer = await fetch(`http://${beta.ready.status}/peers/${alpha.ready.peerId}`);
      return answer.ok;
    });
    await registry.stop();
    for (const what of names) {
      const { exitCode, shown } = await find(what, ...flags);
      expect([what, exitCode, shown?.source]).toEqual([what, 0, 'overlay']);
      expect(shown?.registryUnreachable).toContain(registry.address);
      expect(shown?.located).toMatchObject([
        { peerId: alpha.ready.peerId, nodeId, source: 'overlay', proof: 'signed' },
      ]);
      expect(shown?.located[0]?.stalenessBoundMs).toBeLessThanOrEqual(15_000);
    }
    // A fleet says all of that by itself.
    await writeFile(folder.path('fleet.json'), JSON.stringify(fleetOf(registry, beta)));
    const ofFleet = await find('#blue', `--fleet=${folder.path()}`);
    expect(ofFleet.shown).toMatchObject({
      source: 'overlay',
      located: [{ peerId: alpha.ready.peerId, proof: 'signed' }],
    });
    // What an indexer says of itself is known to itself alone.
    const ida = await find('indexer', ...flags, `--status=${indexer.ready.status}`);
    expect(ida.shown?.located).toMatchObject([
      { peerId: indexer.ready.peerId, source: 'overlay', proof: 'signed' },
    ]);
    const text = (await run(['find', 'alpha', ...flags])).stdout;
    expect(text).toMatch(
      /source +overlay \(signed by the peer\), confirmed \d+ s ago, may be stale by up to 15 s; the registry at /,
    );
    const unknown = await find('12D3KooWQYV9dGMFoRzNStwpXztXaBUjtPqi6aU76ZgUriHhKust', ...flags);
    expect(unknown.exitCode).toBe(EXIT_CODES.notFound.code);
    expect(errorOf(unknown)).toMatchObject({ code: 'FIND_NOBODY' });
  });

  it('does not wait for a registry that is silent', async () => {
    await using registry = await FleetRegistry.start(folder.path('registry'));
    await using alpha = await startMember(folder.path('members'), 'alpha', { registry });
    const silent = createServer();
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const sockets: Socket[] = [];
    silent.on('connection', (socket) => void sockets.push(socket));
    const { shown } = await find(
      alpha.ready.peerId,
      `--registry=127.0.0.1:${port}`,
      '--network=1',
      `--status=${alpha.ready.status}`,
    );
    expect(shown).toMatchObject({
      source: 'overlay',
      registryUnreachable: expect.stringContaining('within 700 ms') as string,
    });
    for (const socket of sockets) socket.destroy();
    silent.close();
  });

  it('says with an exit code of its own that somebody else goes by a registered name', async () => {
    await using registry = await FleetRegistry.start(folder.path('registry'));
    await using alpha = await startMember(folder.path('members'), 'alpha', { registry });
    const file = folder.path('members', 'alpha', 'members.json');
    await until('the list is kept', async () =>
      (await readFile(file, 'utf8').catch(() => '')).includes('"alpha"'),
    );
    await alpha.stop();
    await registry.stop();
    const claim = JSON.stringify({ hit: claimOf(identityOf(66), 'alpha') });
    await using liar = await StatusEndpoint.start({ '/search': (response) => response.end(`${claim}\n`) });
    const outcome = await find(
      'alpha',
      `--registry=${registry.address}`,
      `--status=${liar.address}`,
      `--members-file=${file}`,
    );
    expect(outcome.exitCode).toBe(EXIT_CODES.keyMismatch.code);
    expect(outcome.shown?.located).toEqual([]);
    expect(errorOf(outcome)).toMatchObject({ code: 'FIND_KEY_MISMATCH' });
  });

  it('does without the overlay, a fleet and a list; says what it lacks', async () => {
    await using registry = await FleetRegistry.start(folder.path('registry'));
    const identity = Identity.generate();
    await using client = new RegistryClient({ address: registry.address, identity, encoding: 'json' });
    await client.register({ hostname: 'plain', listenAddress: '127.0.0.1:4000' });
    await client.joinNetwork(registry.network, { token: NETWORK_TOKEN });
    // It is private: strangers find it as a member of its network only, and without an address.
    const hidden = await find('plain', `--registry=${registry.address}`);
    expect([hidden.exitCode, errorOf(hidden).code]).toEqual([EXIT_CODES.notFound.code, 'FIND_NOBODY']);
    const named = await find('plain', `--registry=${registry.address}`, `--network=${registry.network}`);
    expect(named.shown?.located).toMatchObject([{ peerId: identity.peerId, addresses: [] }]);
    const lacking = await find(identity.peerId, `--registry=${registry.address}`);
    expect([lacking.exitCode, errorOf(lacking).code]).toEqual([EXIT_CODES.usage.code, 'FIND_NO_NETWORK']);
    const key = await find(identity.did, `--registry=${registry.address}`, `--network=${registry.network}`);
    expect(key.shown?.located).toHaveLength(1);
    await client.setVisibility('public');
    const shown = await find('plain', `--registry=${registry.address}`);
    expect(shown.shown?.located[0]?.addresses).toEqual(['/ip4/127.0.0.1/udp/4000']);
    await registry.stop();
    const gone = await find('plain', `--registry=${registry.address}`);
    expect([gone.exitCode, errorOf(gone).code]).toEqual([EXIT_CODES.unreachable.code, 'CONNECT_FAILED']);
    expect((await find('plain', `--fleet=${folder.path('none')}`)).exitCode).not.toBe(0);
  });
});
