import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { loadConfig, recordingLogger, systemClock, systemRandom, systemTimers } from '@muster/core';
import { Identity } from '@muster/core/identity';
import { expect, onTestFinished, test } from 'vitest';
import { OriginServer } from '../../../../benchmarks/coordination/lab/origin-server.ts';
import { CoordinationAgent } from '../../src/agent.ts';
import type { AgentNetwork } from '../../src/agent/network.ts';
import type { AgentOptions } from '../../src/agent/options.ts';
import { coordinationConfigOf, coordinationSettings } from '../../src/config/index.ts';
import type { MemberFiles } from '../../src/members/files.ts';
import { fileCredentials } from '../../src/origin/adapters/file-credentials.ts';
import { MemoryFiles } from '../../src/store/memory-files.ts';
import { MemoryRouting } from '../support/memory-routing.ts';
import { MemoryStreamNetwork } from '../support/memory-streams.ts';

const noFiles: MemberFiles = {
  version: () => Promise.reject(new Error('no file')),
  read: () => Promise.reject(new Error('no file')),
  list: () => Promise.reject(new Error('no folder')),
  write: () => Promise.reject(new Error('read-only')),
  remove: () => Promise.resolve(),
};

/** An agent on loopback whose peer network is in memory. */
async function make(text = '', options: Partial<AgentOptions> = {}) {
  const origin = await OriginServer.start();
  onTestFinished(() => origin.close());
  const file = {
    path: 'gantry.yaml',
    text: [
      `upstream_registries: [{ name: hub, endpoint: "${origin.url}" }]`,
      ...['mirror_listen', 'transfer_listen', 'metrics_listen'].map((key) =>
        text.includes(`${key}:`) ? '' : `${key}: "127.0.0.1:0"`,
      ),
      'cache_dir: /cache',
      text,
    ].join('\n'),
  };
  const peerId = Identity.generate().peerId;
  const calls: string[] = [];
  const network: AgentNetwork = {
    streams: new MemoryStreamNetwork(systemTimers).node(peerId),
    routing: new MemoryRouting(peerId),
    listenAddresses: () => [],
    onAddresses: () => () => undefined,
    start: async () => void calls.push('network started'),
    stop: async () => void calls.push('network stopped'),
  };
  const logger = recordingLogger();
  const agent = new CoordinationAgent({
    config: coordinationConfigOf(loadConfig(coordinationSettings, { file })),
    network,
    storeFiles: new MemoryFiles({ now: () => systemClock.now() }),
    credentials: fileCredentials,
    memberSources: { files: noFiles },
    version: '0.0.0-test',
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    logger,
    showsProcess: false,
    ...options,
  });
  onTestFinished(() => agent.stop());
  const url = (name: 'mirror' | 'transfer' | 'metrics', path: string): string =>
    `http://127.0.0.1:${agent.listeners[name].port}${path}`;
  return { agent, origin, calls, log: logger.entries, url };
}

test('alone: ready at once, pulls through the mirror, counts, and stops in order', async () => {
  const { agent, origin, calls, log, url } = await make();
  const body = Buffer.alloc(2_000_000, 'x');
  const digest = origin.add(body);
  await agent.start();
  await agent.whenReady;
  expect(await (await fetch(url('metrics', '/readyz'))).text()).toBe('ready');
  for (const source of ['origin', 'cache']) {
    const response = await fetch(url('mirror', `/v2/team/app/blobs/${digest}`));
    expect(response.status).toBe(200);
    expect(response.headers.get('gantry-source')).toBe(source);
    expect(Buffer.from(await response.arrayBuffer()).equals(body)).toBe(true);
  }
  expect(origin.countsOf(digest).get).toBe(1);
  const metrics = await agent.metrics.render();
  expect(metrics).toContain('p2p_origin_pull_success_total{kind="layer"} 1');
  expect(metrics).toContain('gantry_members{view="ready"} 1');
  expect(metrics).toContain('gantry_store_entries 1');
  await expect.poll(() => agent.metrics.render()).toContain('gantry_advertised_digests 1');
  const state = (await (await fetch(url('metrics', `/debug/state?digest=${digest}`))).json()) as {
    object: { ranks: string[] };
  };
  expect(state.object.ranks).toEqual([agent.members.self()]);
  const copied = await fetch(url('transfer', `/v2/team/app/blobs/${digest}`), {
    headers: { 'gantry-mirrored': '1' },
  });
  expect((await copied.arrayBuffer()).byteLength).toBe(body.length);
  const places = ['mirror', 'transfer', 'metrics'].map((name) => url(name as 'mirror', '/healthz'));
  await agent.stop();
  for (const place of places) await expect(fetch(place)).rejects.toThrow();
  expect(calls).toEqual(['network started', 'network stopped']);
  expect(log.filter(({ level }) => level === 'error')).toEqual([]);
  await agent.stop();
});

test('whatever is committed to the store, its size is known from then on', async () => {
  const { agent, origin, url } = await make();
  await agent.start();
  await agent.whenReady;
  const digest = `sha256:${'ab'.repeat(32)}` as const;
  agent.events.publish('store.committed', { digest, size: 4_321 });
  const head = await fetch(url('mirror', `/v2/team/app/blobs/${digest}`), { method: 'HEAD' });
  expect([head.status, head.headers.get('content-length')]).toEqual([200, '4321']);
  expect(origin.countsOf(digest)).toMatchObject({ get: 0, head: 0 });
});

/** Of coordination spec 23. */
const SUBSYSTEMS = [
  'coord',
  'coord-client',
  'coldstart',
  'nf5',
  'mirror',
  'transfer',
  'origin',
  'puller-pump',
];
SUBSYSTEMS.push('cache', 'discovery', 'members', 'cdsub', 'prefetch');

test('what the parts of an agent log names the part, and for a pull all of what it was', async () => {
  const { agent, origin, log, url } = await make('log_level: debug');
  const digest = origin.add(Buffer.alloc(100_000, 'x'));
  await agent.start();
  await agent.whenReady;
  await fetch(url('mirror', `/v2/team/app/blobs/${digest}`));
  await fetch(url('mirror', `/v2/team/app/blobs/sha256:${'0'.repeat(64)}`));
  await agent.stop();
  const about = log.filter(({ fields }) => fields['digest'] !== undefined);
  expect(about.length).toBeGreaterThan(2);
  for (const { fields } of about) expect(SUBSYSTEMS).toContain(fields['subsystem']);
  const levels = new Map(about.map(({ level, message }) => [message, level]));
  expect(levels.get('pulled from the origin')).toBe('info');
  expect(levels.get('the pull failed')).toBe('warn');
  expect(levels.get('cold start finished')).toBe('debug');
  const pulled = about.find(({ message }) => message === 'pulled from the origin');
  expect(pulled?.fields).toMatchObject({
    subsystem: 'puller-pump',
    digest,
    registry: 'hub',
    repository: 'team/app',
    kind: 'blob',
    bytes: 100_000,
    elapsed_ms: expect.any(Number),
    trigger: 'mirror',
  });
});

test('a pull that runs when it stops is cut off, and nothing unfinished stays', async () => {
  const files = new MemoryFiles({ now: () => systemClock.now() });
  const { agent, origin, url } = await make('', { storeFiles: files });
  const digest = origin.add(Buffer.alloc(4_000_000, 'y'));
  origin.script(digest, { kind: 'stall', afterBytes: 1_500_000 });
  await agent.start();
  await agent.whenReady;
  const response = await fetch(url('mirror', `/v2/team/app/blobs/${digest}`));
  const reading = response.arrayBuffer().then(
    () => 'whole',
    () => 'cut',
  );
  await agent.stop();
  expect(await reading).toBe('cut');
  const { agent: next } = await make('', { storeFiles: files });
  await next.start();
  expect(await next.metrics.render()).toContain('gantry_store_entries 0');
}, 12_000);

test('until it is ready the mirror answers 503, and monitoring says why', async () => {
  const { promise: listed, resolve } = Promise.withResolvers<readonly never[]>();
  const { agent, url } = await make('members_registry: r:1\nmembers_network: 7', {
    memberSources: { files: noFiles, list: () => listed },
    timers: { ...systemTimers, after: (ms, callback) => systemTimers.after(Math.min(ms, 300), callback) },
  });
  await agent.start();
  expect(await (await fetch(url('metrics', '/readyz'))).text()).toBe('members informer not synced');
  const response = await fetch(url('mirror', '/v2/'));
  expect(response.status).toBe(503);
  expect(response.headers.get('retry-after')).toBe('5');
  expect((await fetch(url('metrics', '/livez'))).status).toBe(200);
  resolve([]);
  await agent.stop();
});

test.each(['mirror_listen', 'transfer_listen', 'metrics_listen'])(
  'a %s that is taken ends the start, and everything is stopped again',
  async (key) => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void taken.close());
    const { port } = taken.address() as AddressInfo;
    const files = new MemoryFiles({ now: () => systemClock.now() });
    const { agent, calls } = await make(`${key}: "127.0.0.1:${port}"`, { storeFiles: files });
    await expect(agent.start()).rejects.toMatchObject({ code: 'EADDRINUSE' });
    expect(calls).toEqual(['network started', 'network stopped']);
    // The cache folder is free again.
    const { agent: next } = await make('', { storeFiles: files });
    await next.start();
  },
);

test('members that cannot be announced end the start where the operator has said who they are', async () => {
  const { agent, calls } = await make('members_announce_dir: /members');
  await expect(agent.start()).rejects.toThrow('read-only');
  expect(calls).toEqual(['network started', 'network stopped']);
});

test('Kubernetes in vain is fatal in production', async () => {
  const { agent } = await make('node_name: n\npod_name: p\nmembers_namespace: ns', {
    memberSources: {
      files: noFiles,
      kubeApi: () => Promise.reject(new Error('no cluster')),
    },
  });
  await expect(agent.start()).rejects.toThrow('no cluster');
});
