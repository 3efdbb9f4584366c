import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig, silentLogger, systemClock, systemRandom, systemTimers } from '@muster/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { discoveryConfigOf, discoverySettings } from '../../src/config/index.ts';
import { DiscoveryHost } from '../../src/host/index.ts';
import { Psk } from '../../src/identity/psk.ts';

let folder = '';
const running = new Set<DiscoveryHost>();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muster-host-'));
  await writeFile(join(folder, 'psk.key'), Psk.generate(systemRandom).toText(), { mode: 0o600 });
});
afterEach(async () => {
  for (const host of running) await host.stop();
  running.clear();
  await rm(folder, { recursive: true, force: true });
});

async function start(name: string, flags: Readonly<Record<string, string>> = {}): Promise<DiscoveryHost> {
  const loaded = loadConfig(discoverySettings, {
    flags: {
      name,
      'node-endpoint-port': '0',
      'listen-host': '127.0.0.1',
      'allow-loopback': 'true',
      'psk-path': join(folder, 'psk.key'),
      'private-key-path': join(folder, `${name}.pem`),
      'public-key-path': join(folder, `${name}.pub`),
      'generate-keys': 'true',
      'store-url': 'memory:',
      'status-port': 'any',
      ...flags,
    },
  });
  const host = await DiscoveryHost.start({
    config: discoveryConfigOf(loaded, {}),
    version: '0.0.0',
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    logger: silentLogger,
    showsProcess: false,
  });
  running.add(host);
  return host;
}

/** Timers and sockets that keep the process. */
function resources(): readonly string[] {
  return process.getActiveResourcesInfo().filter((kind) => /Timeout|TCP/.test(kind));
}

test(
  'a node and an indexer find each other, show it, and leave nothing behind',
  { timeout: 120_000 },
  async () => {
    const indexer = await start('ida', { 'node-mode': 'indexer' });
    const node = await start('nora', { 'indexer-addresses': indexer.addresses.join(',') });
    await expect.poll(() => node.daemon.notReadyReasons(), { timeout: 60_000 }).toEqual([]);
    await expect.poll(() => indexer.daemon.indexer?.agent.table.size, { timeout: 60_000 }).toBe(1);
    const { port } = indexer.statusAddress ?? { port: 0 };
    const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    expect(metrics).toMatch(/^oc_records_live 1$/m);
    expect(metrics).toMatch(/^oc_heartbeats_served_total\{kind="heartbeat"\} [1-9]/m);
    expect(metrics).toMatch(
      /^oc_streams_open\{protocol="\/opencloud\/heartbeat\/1\.0",direction="inbound"\} 1$/m,
    );
    const status = await (await fetch(`http://127.0.0.1:${node.statusAddress?.port}/status`)).json();
    expect(status).toMatchObject({ name: 'nora', ready: true, pool: { healthy: 1 }, did: node.daemon.did });
    const before = resources().filter((kind) => kind !== 'TCPServerWrap').length;
    expect(before).toBeGreaterThan(0);
    await node.stop();
    await indexer.stop();
    await expect.poll(() => resources().includes('TCPServerWrap')).toBe(false);
    await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow();
    // Safe to call again.
    await node.stop();
  },
);

test('what was opened before a start that fails is closed again', { timeout: 120_000 }, async () => {
  const first = await start('ida');
  const port = String(first.statusAddress?.port);
  await expect(start('nora', { 'status-port': port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await first.stop();
  await expect.poll(() => resources().includes('TCPServerWrap')).toBe(false);
});

test('our own address among the seeds is left out', { timeout: 120_000 }, async () => {
  const first = await start('ida', { 'node-mode': 'indexer' });
  const own = first.addresses.join(',');
  expect(own).toContain(first.identity.peerId);
  await first.stop();
  const again = await start('ida', { 'node-mode': 'indexer', 'indexer-addresses': own });
  expect(again.settings.indexerAddresses).toEqual([]);
});
