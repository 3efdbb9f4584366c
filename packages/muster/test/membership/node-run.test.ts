import { readFile, stat } from 'node:fs/promises';
import { publicKeyOfPeerId } from '@muster/core/identity';
import { describe, expect, it } from 'vitest';
import { FleetRegistry } from '../support/fleet-registry.ts';
import { healthyWith, startMember, statusOf } from '../support/member-node.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { until } from '../support/until.ts';

const folder = temporaryFolder();

const start = async (name: string, registry: FleetRegistry, flags: readonly string[] = []) =>
  await startMember(folder.path(), name, { registry, flags });

async function memberNames(path: string): Promise<readonly string[]> {
  try {
    const { members } = JSON.parse(await readFile(path, 'utf8')) as { members: { name?: string }[] };
    return members.flatMap(({ name }) => name ?? []);
  } catch {
    return [];
  }
}

describe('a node that belongs to a registry', () => {
  it('registers with its own key, says where it listens, and finds indexers and admission there', async () => {
    await using registry = await FleetRegistry.start(folder.path('registry'));
    await using indexer = await start('Ida_1', registry, ['--node-mode=indexer', '--registry-tags=blue']);
    await using alpha = await start('alpha', registry);
    await healthyWith(alpha, indexer);
    expect(alpha.ready).toMatchObject({ seeds: 0, registry: registry.address, network: registry.network });
    const entry = (await statusOf(alpha)).pool.entries.find(
      ({ peer_id }) => peer_id === indexer.ready.peerId,
    );
    expect(entry?.seed).toBe(false);
    const { nodeId } = await registry.owner.resolveHostname('ida-1');
    const known = await registry.owner.lookup(nodeId, { full: true });
    const [, , , , port] = (indexer.ready.addresses[0] as string).split('/');
    expect(known).toMatchObject({
      networks: [0, registry.network],
      publicKey: publicKeyOfPeerId(indexer.ready.peerId),
      visibility: 'public',
      realAddress: `127.0.0.1:${port}`,
      tags: ['indexer', `p2p-${port}`, `status-${indexer.ready.status?.split(':')[1]}`, 'blue'],
    });
    const figures = await (await fetch(`http://${alpha.ready.status}/metrics`)).text();
    expect(figures).toMatch(/^muster_member_registered 1$/m);
    expect(figures).toMatch(/^muster_member_admitted 1$/m);
    expect(figures).toMatch(/^muster_members 3$/m);
    expect(figures).toMatch(/^muster_members_age_seconds \d/m);
    const file = folder.path('alpha', 'members.json');
    await until('the list is kept', async () => (await memberNames(file)).includes('alpha'));
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it('goes on with the registry gone, also after a start without it, and is back when it comes back', async () => {
    await using registry = await FleetRegistry.start(folder.path('registry'));
    await using indexer = await start('indexer', registry, ['--node-mode=indexer']);
    const beta = await start('beta', registry);
    await healthyWith(beta, indexer);
    await until('beta is known', async () =>
      (await memberNames(folder.path('indexer', 'members.json'))).includes('beta'),
    );
    await until('the list is kept', async () =>
      (await memberNames(folder.path('beta', 'members.json'))).includes('indexer'),
    );
    await registry.stop();
    await beta.stop();
    // Its list names the indexer, and the indexer knows it as a member.
    await using again = await start('beta', registry);
    expect(again.ready.peerId).toBe(beta.ready.peerId);
    await healthyWith(again, indexer);
    await registry.startAgain();
    await until('it is heard from again', () =>
      again.io.logLines.some((line) => line.includes('registered') && line.includes('nodeId')),
    );
  });

  it('cuts off who is removed from the network, and lets nobody in who is no member', async () => {
    await using registry = await FleetRegistry.start(folder.path('registry'));
    await using indexer = await start('indexer', registry, ['--node-mode=indexer']);
    await using mallory = await start('mallory', registry);
    await healthyWith(mallory, indexer);
    const { nodeId } = await registry.owner.resolveHostname('mallory');
    await registry.owner.leaveNetwork(registry.network, { nodeId });
    await until('it is cut off', () =>
      indexer.io.logLines.some(
        (line) => line.includes('no member is cut off') && line.includes(mallory.ready.peerId),
      ),
    );
    await until('no connection is left', async () => (await statusOf(indexer)).connections === 0);
  });
});
