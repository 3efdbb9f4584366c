import { expect, test } from 'vitest';
import type { Overlay } from '../../../src/overlay/overlay.ts';
import { eventually, SOON, startHosts, versioned } from '../../support/libp2p-hosts.ts';

/** The CID of the text `/opencloud/indexers` (10.4). */
const CID = 'bafkreidrw5iylglcen5szq5psxxo3ttmkn4bunazyqyo5rvfiwdvnfqvbe';

const withNamespace = (overlay: Overlay): void => overlay.dht.namespace('node', versioned);

const bytes = (text: string): Uint8Array => Buffer.from(text);
const textOf = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : Buffer.from(value).toString();

/** Hosts that all know the first one; the last `clients` of them only ask. */
async function startTable(servers: number, clients: number) {
  const hosts = await startHosts(servers + clients, {}, withNamespace);
  await Promise.all(
    hosts.map((host, index) => host.overlay.dht.start(index < servers ? 'server' : 'client')),
  );
  const [first] = hosts;
  await Promise.all(hosts.slice(1).map((host) => host.overlay.dht.bootstrap([first!.info], SOON)));
  await eventually(() => hosts.every((host) => host.overlay.dht.routingTableSize >= 1));
  return hosts;
}

test('five members store, find, provide and locate one another', async () => {
  const hosts = await startTable(4, 1);
  const node = hosts.at(-1)!.overlay.dht;
  await node.put('/node/a', bytes('1:first'), SOON);
  for (const { overlay } of hosts) expect(textOf(await overlay.dht.get('/node/a', SOON))).toBe('1:first');
  await hosts[1]!.overlay.dht.put('/node/a', bytes('2:second'), SOON);
  for (const { overlay } of hosts) expect(textOf(await overlay.dht.get('/node/a', SOON))).toBe('2:second');

  await hosts[1]!.overlay.dht.provide(CID, SOON);
  await hosts[2]!.overlay.dht.provide(CID, SOON);
  const found = await node.findProviders(CID, { ...SOON, count: 10 });
  expect(found.map(({ ID }) => ID).toSorted()).toEqual(
    [hosts[1]!.overlay.self, hosts[2]!.overlay.self].toSorted(),
  );
  expect(found.find(({ ID }) => ID === hosts[1]!.overlay.self)?.Addrs).toEqual(hosts[1]!.info.Addrs);
  expect(await node.findPeer(hosts[3]!.overlay.self, SOON)).toEqual(hosts[3]!.info);
  expect(await node.get('/node/unknown', SOON)).toBeUndefined();
});
