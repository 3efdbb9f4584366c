import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemRandom } from '@muster/core';
import { Psk } from '@muster/discovery/keys';
import type { FleetRegistry } from './fleet-registry.ts';
import { type RunningNode, startNode } from './running-node.ts';
import { TestIo } from './test-io.ts';
import { until } from './until.ts';

/** A node or indexer in this process that belongs to the network of a registry, in a hurry. All in `folder` share a pre-shared key. */
export async function startMember(
  folder: string,
  name: string,
  options: { readonly registry: FleetRegistry; readonly flags?: readonly string[] },
): Promise<RunningNode> {
  const own = join(folder, name);
  await mkdir(own, { recursive: true });
  const psk = join(folder, 'psk');
  await writeFile(psk, Psk.generate(systemRandom).toText(), { mode: 0o600, flag: 'wx' }).catch(() => {});
  return await startNode(
    [
      `--name=${name}`,
      '--node-endpoint-port=0',
      '--listen-host=127.0.0.1',
      '--allow-loopback',
      `--psk-path=${psk}`,
      `--private-key-path=${join(own, 'private.pem')}`,
      `--public-key-path=${join(own, 'public.pem')}`,
      '--generate-keys',
      `--store-url=file:${own}`,
      '--status-port=any',
      '--time-scale=0.1',
      ...options.registry.flags,
      ...(options.flags ?? []),
    ],
    new TestIo({ environment: { OC_TEST: '1' } }),
  );
}

/** What its status endpoint says, as far as tests look. */
export async function statusOf(node: RunningNode): Promise<{
  readonly pool: {
    readonly entries: readonly {
      readonly peer_id: string;
      readonly healthy: boolean;
      readonly seed: boolean;
    }[];
  };
  readonly connections: number;
}> {
  const response = await fetch(`http://${node.ready.status}/status`);
  return (await response.json()) as Awaited<ReturnType<typeof statusOf>>;
}

/** Waits until a node gets answers to its heartbeats from an indexer. */
export async function healthyWith(node: RunningNode, indexer: RunningNode): Promise<void> {
  await until(`${node.ready.name} is healthy with ${indexer.ready.name}`, async () => {
    const { pool } = await statusOf(node);
    return pool.entries.some(({ peer_id, healthy }) => peer_id === indexer.ready.peerId && healthy);
  });
}
