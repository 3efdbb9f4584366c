import { mkdir, stat } from 'node:fs/promises';
import { readKeyFile } from '@muster/core/identity';
import { derivedDid } from '@muster/discovery';
import { expect, onTestFinished, test } from 'vitest';
import { runCli } from '../../src/index.ts';
import { FleetRegistry } from '../support/fleet-registry.ts';
import { nodeFlags, startNode } from '../support/running-node.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { run, TestIo } from '../support/test-io.ts';
import { until } from '../support/until.ts';

const folder = temporaryFolder();

interface MirrorReady {
  readonly nodeId: string;
  readonly peerId: string;
  readonly members: string;
  readonly transfer: string;
  readonly ops: string;
  readonly registry: string;
  readonly network: number;
}

async function startMirror(name: string, args: readonly string[]) {
  const io = new TestIo();
  const ended = runCli(
    [
      'mirror',
      'run',
      '--upstream-registries=lab.example=http://127.0.0.1:1',
      ...['mirror', 'transfer', 'metrics'].map((listener) => `--${listener}-listen=127.0.0.1:0`),
      '--libp2p-listen=/ip4/127.0.0.1/tcp/0',
      `--cache-dir=${folder.path(name, 'cache')}`,
      ...args,
      '--json',
    ],
    io,
  );
  const text = await Promise.race([
    io.printed('\n'),
    ended.then((code) => Promise.reject(new Error(`ended with ${code}: ${io.written.stderr}`))),
  ]);
  const stop = async (): Promise<number> => {
    io.stop();
    return await ended;
  };
  onTestFinished(async () => void (await stop()));
  return { ready: JSON.parse(text) as MirrorReady, io, stop };
}

/** The members that a mirror knows, by name. */
async function membersOf({ ready }: { readonly ready: MirrorReady }): Promise<readonly string[]> {
  const response = await fetch(`http://${ready.ops}/debug/state`);
  const text = await response.text();
  return ['mirror-a', 'mirror-b'].filter((name) => text.includes(name));
}

test('one key of muster keys generate is the node in the registry, the libp2p peer and the DID', async () => {
  await using registry = await FleetRegistry.start(folder.path('registry'));
  const key = folder.path('alpha.pem');
  const made = JSON.parse((await run(['keys', 'generate', '--out', key, '--json'])).stdout) as {
    readonly peerId: string;
    readonly did: string;
    readonly overlayDid: string;
    readonly publicKey: string;
  };
  const own = await nodeFlags(folder.path());
  const flags = own.filter((flag) => !/^--(private|public)-key-path|^--generate-keys/.test(flag));
  await using node = await startNode([
    ...flags,
    `--private-key-path=${key}`,
    '--name=alpha',
    ...registry.flags,
  ]);
  expect(node.ready).toMatchObject({ peerId: made.peerId, did: made.overlayDid });
  const nodeId = await until('it is registered', async () => {
    const { nodes } = await registry.owner.listNodes(registry.network);
    return nodes.find((entry) => entry.state === 'live' && entry.hostname === 'alpha')?.nodeId;
  });
  const { publicKey = new Uint8Array() } = await registry.owner.lookup(nodeId);
  expect(Buffer.from(publicKey).toString('base64')).toBe(made.publicKey);
  const identity = await readKeyFile(key);
  expect([identity.did, derivedDid(identity.peerId)]).toEqual([made.did, made.overlayDid]);
  // Nothing else was made of it.
  await expect(stat('pem/public.pem')).rejects.toMatchObject({ code: 'ENOENT' });
  for (const what of [made.peerId, made.did, made.overlayDid, String(nodeId), 'alpha']) {
    const found = await run([
      'find',
      what,
      '--json',
      `--registry=${registry.address}`,
      `--network=${registry.network}`,
    ]);
    expect(JSON.parse(found.stdout)).toMatchObject({
      located: [{ nodeId, peerId: made.peerId, did: made.did, overlayDid: made.overlayDid }],
    });
  }
});

test('mirrors of one network find one another through it, under the names that they have there', async () => {
  await using registry = await FleetRegistry.start(folder.path('registry'));
  await mkdir(folder.path('keys'), { recursive: true });
  const start = async (name: string, ...flags: readonly string[]) =>
    await startMirror(name, [
      `--libp2p-identity-path=${folder.path('keys', `${name}.pem`)}`,
      ...registry.flags,
      ...flags,
    ]);
  const a = await start('mirror-a', '--node-name=mirror-a', '--zone=rack-1');
  const b = await start('mirror-b', '--node-name=mirror-b');
  expect(a.ready).toMatchObject({
    nodeId: 'mirror-a',
    members: 'registry',
    registry: registry.address,
    network: registry.network,
  });
  for (const mirror of [a, b]) {
    await until('both are members', async () => (await membersOf(mirror)).length === 2);
  }
  const { nodes } = await registry.owner.listNodes(registry.network);
  const entry = nodes.find((node) => node.state === 'live' && node.hostname === 'mirror-a');
  expect(entry).toMatchObject({ visibility: 'public' });
  const tags = entry?.state === 'live' ? entry.tags : [];
  expect(tags).toEqual([
    'mirror',
    expect.stringMatching(/^p2p-\d+$/),
    `transfer-${a.ready.transfer.split(':')[1]}`,
    `status-${a.ready.ops.split(':')[1]}`,
    'zone-rack-1',
  ]);
  // The list of the last time is there at a start without the registry.
  await registry.stop();
  await b.stop();
  const again = await start('mirror-b', '--node-name=mirror-b');
  await until('both are members', async () => (await membersOf(again)).length === 2);
  expect(again.ready.peerId).toBe(b.ready.peerId);
});

test('another source of members that a mirror names is used; without a name it has one of its key', async () => {
  await using registry = await FleetRegistry.start(folder.path('registry'));
  const key = folder.path('single.pem');
  const { ready } = await startMirror('single', [
    `--libp2p-identity-path=${key}`,
    '--members-source=single',
    ...registry.flags,
  ]);
  expect(ready).toMatchObject({ members: 'single', nodeId: ready.peerId });
  await until('it is registered all the same', async () => {
    const { nodes } = await registry.owner.listNodes(registry.network);
    return nodes.some(
      (node) => node.state === 'live' && node.hostname === `mirror-${ready.peerId.slice(-6).toLowerCase()}`,
    );
  });
});
