import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig, silentLogger, systemClock, systemRandom, systemTimers } from '@muster/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { discoveryConfigOf, discoverySettings } from '../../src/config/index.ts';
import { DiscoveryHost } from '../../src/host/index.ts';
import { Psk } from '../../src/identity/psk.ts';
import {
  allOf,
  denial,
  manyBirths,
  noDht,
  onceBelieved,
  TamperedOverlay,
  twoFaces,
} from '../../src/misbehaviour/index.ts';

/** A tick is a second. */
const TIME_SCALE = '0.05';
let folder = '';
const running = new Set<DiscoveryHost>();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muster-liar-'));
  await writeFile(join(folder, 'psk.key'), Psk.generate(systemRandom).toText(), { mode: 0o600 });
});
afterEach(async () => {
  await Promise.all([...running].map((host) => host.stop()));
  running.clear();
  await rm(folder, { recursive: true, force: true });
});

async function start(
  name: string,
  { mode, seeds, lies = false }: { mode: 'node' | 'indexer'; seeds: readonly string[]; lies?: boolean },
): Promise<DiscoveryHost> {
  const loaded = loadConfig(discoverySettings, {
    flags: {
      name,
      'node-mode': mode,
      'node-endpoint-port': '0',
      'listen-host': '127.0.0.1',
      'allow-loopback': 'true',
      'psk-path': join(folder, 'psk.key'),
      'private-key-path': join(folder, `${name}.pem`),
      'public-key-path': join(folder, `${name}.pub`),
      'generate-keys': 'true',
      'store-url': 'memory:',
      'indexer-addresses': seeds.join(','),
      'time-scale': TIME_SCALE,
    },
  });
  const tamper = onceBelieved(
    3,
    allOf(
      denial(),
      noDht(),
      twoFaces(),
      manyBirths(() => systemClock.now()),
    ),
  );
  const host = await DiscoveryHost.start({
    config: discoveryConfigOf(loaded, { OC_TEST: '1' }),
    version: '0.0.0',
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    logger: silentLogger,
    showsProcess: false,
    ...(lies && { alterOverlay: (overlay) => new TamperedOverlay(overlay, tamper) }),
  });
  running.add(host);
  return host;
}

test(
  'an indexer that lies leaves the pools of all honest peers, and honest ones stay',
  { timeout: 120_000 },
  async () => {
    const first = await start('indexer-1', { mode: 'indexer', seeds: [] });
    const second = await start('indexer-2', { mode: 'indexer', seeds: first.addresses });
    const seeds = [...first.addresses, ...second.addresses];
    const names = ['alpha', 'bravo', 'charlie', 'delta'];
    const nodes = await Promise.all(names.map((name) => start(name, { mode: 'node', seeds })));
    await expect
      .poll(() => nodes.map(({ daemon }) => daemon.pool.healthyCount), { timeout: 30_000 })
      .toEqual([2, 2, 2, 2]);
    const honest = [first, second, ...nodes];
    const liar = await start('liar', { mode: 'indexer', seeds, lies: true });
    const { peerId } = liar.identity;
    const others: string[] = [];
    const convicted = new Map<DiscoveryHost, string>();
    for (const host of honest) {
      host.daemon.events.on('pool.evicted', ({ payload }) => {
        if (payload.peer !== peerId) others.push(`${payload.peer} ${payload.reason}`);
      });
      host.daemon.events.on('pool.quarantined', ({ payload }) => {
        if (payload.peer === peerId) convicted.set(host, payload.evidence);
      });
    }
    await expect.poll(() => convicted.size, { timeout: 60_000 }).toBe(honest.length);
    for (const host of honest) expect(host.daemon.pool.has(peerId)).toBe(false);
    for (const evidence of convicted.values()) expect(evidence).toMatch(/verifications|witnesses/);
    expect(others).toEqual([]);
    for (const { daemon } of nodes) expect(daemon.pool.healthyCount).toBe(2);
  },
);
