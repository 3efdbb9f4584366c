import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { RegistryClient } from '@muster/client';
import { systemRandom } from '@muster/core';
import { Identity } from '@muster/core/identity';
import type { FleetState, PeerView } from '@muster/dashboard';
import { Registry } from '@muster/registry';
import { describe, expect, it, onTestFinished } from 'vitest';
import { choosePorts } from '../../src/demo/ports.ts';
import { runCli } from '../../src/index.ts';
import {
  EventParser,
  followStream,
  MAX_EVENT_BYTES,
  type StreamEvent,
} from '../../src/fleet-view/collect/view-http.ts';
import type { FleetMember } from '../../src/fleet/fleet-file.ts';
import { nodeFlags, startNode } from '../support/running-node.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { TestIo } from '../support/test-io.ts';
import { PageReader, servedPage } from './support.ts';

const folder = temporaryFolder();
const ADMIN_TOKEN = 'test-admin-token';

async function startedRegistry(directory?: string, httpPort = 0): Promise<Registry> {
  const registry = await Registry.start({
    listen: { host: '127.0.0.1', port: 0 },
    http: { host: '127.0.0.1', port: httpPort },
    adminToken: ADMIN_TOKEN,
    directory,
  });
  onTestFinished(() => registry.stop());
  return registry;
}

async function registered(registry: Registry, hostname: string, tags: readonly string[]) {
  const identity = Identity.generate();
  const client = new RegistryClient({ host: '127.0.0.1', port: registry.port, identity });
  onTestFinished(() => client.close());
  await client.register({ hostname });
  await client.setTags(tags);
  return { client, peerId: identity.peerId };
}

function sourceOf(registry: Registry) {
  const address = `127.0.0.1:${registry.httpPort}`;
  return { kind: 'registry', id: 'registry', address, adminToken: { text: ADMIN_TOKEN } } as const;
}

function named(state: FleetState, name: string): PeerView | undefined {
  return [...state.peers.values()].find((peer) => peer.name === name);
}

describe('a registry', () => {
  it('is followed: arrivals, changes, departures, durability, its end and its return', async () => {
    const directory = folder.path('registry');
    const registry = await startedRegistry(directory);
    const before = await registered(registry, 'before', ['node']);
    const page = await servedPage({ sources: [sourceOf(registry)] });
    const reader = await PageReader.open(page);
    await reader.until('the listed node is there', (state) => named(state, 'before')?.state === 'online');
    const after = await registered(registry, 'after', ['mirror']);
    const state = await reader.until(
      'the new node has its tags',
      (now) => named(now, 'after')?.tags[0] === 'mirror',
    );
    expect(state.peers.get(after.peerId)).toMatchObject({ roles: ['mirror'], networks: [0], nodeId: 2 });
    await before.client.deregister();
    await reader.until('the first node is gone', (now) => now.peers.get(before.peerId)?.state === 'gone');
    await reader.until(
      'its durability is shown',
      ({ durability }) =>
        durability?.mode === 'batch' && durability.durableSeq >= 5 && durability.logBytes > 0,
    );
    await reader.until('figures are plotted', ({ series }) => series.has('registry.requests'));

    const { httpPort } = registry;
    await registry.stop();
    const silent = await reader.until(
      'it is known to be silent',
      (now) => now.peers.get(after.peerId)?.state === 'unreachable',
    );
    expect(silent.sources.get('registry')?.state).toBe('failed');
    expect(silent.peers.get('process:registry')?.state).toBe('unreachable');
    expect(silent.peers.get(before.peerId)?.state).toBe('gone');
    const again = await startedRegistry(directory, httpPort);
    await registered(again, 'later', ['node']);
    const last = await reader.until('all is known again', (now) => named(now, 'later')?.state === 'online');
    expect(last.peers.get(after.peerId)?.state).toBe('online');
    expect(last.happenings.map(({ text }) => text)).toContain('registry is back');
    await again.stop();
  });

  it('that refuses the token is a source that has failed, and why', async () => {
    const registry = await startedRegistry();
    const source = { ...sourceOf(registry), adminToken: { text: 'wrong' } };
    const reader = await PageReader.open(await servedPage({ sources: [source] }));
    const state = await reader.until(
      'it has failed',
      ({ sources }) => sources.get('registry')?.state === 'failed',
    );
    expect(state.sources.get('registry')?.error).toBe('it answered 401: unauthorized');
  });

  it('whose token file is missing is one, too', async () => {
    const registry = await startedRegistry();
    const source = { ...sourceOf(registry), adminToken: { file: folder.path('no-token') } };
    const reader = await PageReader.open(await servedPage({ sources: [source] }));
    await reader.until('it has failed', ({ sources }) => sources.get('registry')?.state === 'failed');
  });
});

describe('an overlay', () => {
  it('is shown with who answers, whom indexers know, and scores with their evidence', async () => {
    await mkdir(folder.path('i'));
    await mkdir(folder.path('n'));
    const flags = await nodeFlags(folder.path('i'));
    const psk = flags.find((flag) => flag.startsWith('--psk-path=')) as string;
    const [first = 0, second = 0] = await choosePorts(0, 2, 0, systemRandom);
    const scale = '--time-scale=10';
    const io = () => new TestIo({ environment: { OC_TEST: '1' } });
    await using indexer = await startNode(
      [...flags, '--node-mode=indexer', '--name=ida', scale, `--status-port=${first}`],
      io(),
    );
    const nodes = (await nodeFlags(folder.path('n'))).filter((flag) => !flag.startsWith('--psk-path='));
    const seeds = `--indexer-addresses=${indexer.ready.addresses[0]}`;
    await using node = await startNode(
      [...nodes, psk, '--node-mode=node', '--name=nora', seeds, scale, `--status-port=${second}`],
      io(),
    );
    const sources = [indexer, node].map(({ ready }) => ({
      kind: 'status' as const,
      id: ready.name,
      address: (ready.status as string).replace(/^http:\/\//, '').replace(/\/$/, ''),
    }));
    const page = await servedPage({ sources });
    const reader = await PageReader.open(page);
    const observer = node.ready.peerId;
    const subject = indexer.ready.peerId;
    const state = await reader.until('the node has a score of the indexer, with terms', ({ scores }) => {
      const score = scores.get(`${observer}/${subject}`);
      return score?.score !== undefined && score.terms.length > 0;
    });
    expect(state.peers.get(subject)).toMatchObject({ name: 'ida', roles: ['indexer'], state: 'online' });
    expect(state.peers.get(observer)).toMatchObject({ name: 'nora', roles: ['node'], links: [subject] });
    const score = state.scores.get(`${observer}/${subject}`);
    expect(score).toMatchObject({ standing: 'in pool' });
    expect(score?.terms.map(({ name }) => name)).toContain('uptime');
    expect(score?.terms.find(({ name }) => name === 'uptime')?.evidence).toMatch(/answers \d/);

    page.sources.remove('nora');
    const known = await reader.until(
      'its indexer alone knows the node',
      ({ peers, scores }) =>
        scores.size === 0 && peers.get(observer)?.name === 'nora' && peers.get(observer)?.links.length === 0,
    );
    expect(known.peers.get(observer)).toMatchObject({ state: 'online', roles: ['node'] });
    await indexer.stop();
    await reader.until(
      'nobody can say any more',
      ({ peers }) => peers.get(observer)?.state === 'unreachable',
    );
  });
});

describe('a mirror', () => {
  it('is shown with what it keeps', async () => {
    const io = new TestIo();
    const ended = runCli(
      [
        'mirror',
        'run',
        '--upstream-registries=lab.example=http://127.0.0.1:1',
        ...['mirror', 'transfer', 'metrics'].map((name) => `--${name}-listen=127.0.0.1:0`),
        '--libp2p-listen=/ip4/127.0.0.1/tcp/0',
        `--libp2p-identity-path=${folder.path('identity.key')}`,
        `--cache-dir=${folder.path('cache')}`,
        '--json',
      ],
      io,
    );
    onTestFinished(async () => {
      io.stop();
      await ended;
    });
    const { ops, mirror, peerId } = JSON.parse(await io.printed('\n')) as Record<string, string>;
    const address = (ops as string).replace(/^http:\/\//, '').replace(/\/$/, '');
    const page = await servedPage({ sources: [{ kind: 'mirror', id: 'm', address }] });
    const reader = await PageReader.open(page);
    const state = await reader.until(
      'it is there, with a figure',
      ({ peers, series }) => peers.size === 1 && series.has('mirrors.store-bytes'),
    );
    expect(state.peers.get(peerId as string)).toMatchObject({ roles: ['mirror'], state: 'online' });
    const asked = await fetch(
      `http://${(mirror as string).replace(/^http:\/\//, '')}/v2/x/blobs/sha256:${'0'.repeat(64)}?ns=lab.example`,
    );
    await asked.text();
    const pulled = await reader.until('a pull has failed', ({ pulls }) =>
      [...pulls.values()].some((pull) => pull.state === 'failed'),
    );
    expect([...pulled.pulls.values()][0]).toMatchObject({ mirror: peerId, kind: 'blob', received: 0 });
  });
});

/** Something that listens and answers as it likes. */
async function stranger(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise<void>((resolve) => void server.close(() => resolve()));
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('what is no service of Muster', () => {
  it.each([
    [
      'answers something else',
      (response: ServerResponse) => void response.end('hello'),
      'the answer is no JSON',
    ],
    ['answers another JSON', (response: ServerResponse) => void response.end('[1]'), /no .* of Muster$/],
    [
      'answers an error',
      (response: ServerResponse) => void response.writeHead(500).end('{"error":"broken"}'),
      'it answered 500: broken',
    ],
    ['ends', (response: ServerResponse) => void response.destroy(), 'the connection broke'],
  ])('is a source that failed when it %s', async (_what, answer, error) => {
    const address = await stranger((_request, response) => answer(response));
    const page = await servedPage({
      sources: [
        { kind: 'status', id: 's', address },
        { kind: 'mirror', id: 'm', address },
        { kind: 'registry', id: 'r', address, adminToken: { text: 't' } },
      ],
    });
    const reader = await PageReader.open(page);
    const state = await reader.until(
      'all have failed',
      ({ sources }) =>
        sources.size === 3 && [...sources.values()].every((source) => source.state === 'failed'),
    );
    for (const source of state.sources.values()) expect(source.error).toMatch(error);
  });

  it('cannot make an answer grow', async () => {
    const address = await stranger((_request, response) => {
      const chunk = Buffer.alloc(1_048_576, ' ');
      const more = (): void => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on('drain', more).on('error', () => undefined);
      more();
    });
    const reader = await PageReader.open(
      await servedPage({ sources: [{ kind: 'status', id: 's', address }] }),
    );
    const state = await reader.until('it has failed', ({ sources }) => sources.get('s')?.state === 'failed');
    expect(state.sources.get('s')?.error).toBe('the answer is too large');
  });
});

describe('a stream of events', () => {
  it('is taken apart wherever it is cut', () => {
    const text = ': alive\n\nid: 7\nevent: a\ndata: {"x":\ndata: 1}\n\nretry: 5\n\ndata: last\n\n';
    for (let cut = 0; cut <= text.length; cut++) {
      const events: StreamEvent[] = [];
      const parser = new EventParser((event) => events.push(event));
      parser.push(text.slice(0, cut));
      parser.push(text.slice(cut));
      expect(events).toEqual([
        { name: 'a', id: '7', data: '{"x":\n1}' },
        { name: 'message', id: undefined, data: 'last' },
      ]);
    }
  });

  it('goes on for longer than its beginning may take', async () => {
    const timeoutMs = 100;
    const address = await stranger((_request, response) => {
      response.write('data: first\n\n');
      setTimeout(() => response.end('data: last\n\n'), 3 * timeoutMs);
    });
    const told: string[] = [];
    const following = followStream({ address }, '/', {
      signal: AbortSignal.timeout(20_000),
      answerTimeoutMs: timeoutMs,
      onEvent: ({ data }) => told.push(data),
    });
    await expect(following).rejects.toThrow('the connection ended');
    expect(told).toEqual(['first', 'last']);
  });

  it('must begin in time', async () => {
    const address = await stranger(() => undefined);
    const following = followStream({ address }, '/', {
      signal: AbortSignal.timeout(20_000),
      answerTimeoutMs: 50,
      onEvent: () => undefined,
    });
    await expect(following).rejects.toThrow('no answer in time');
  });

  it('with an event without end is refused', () => {
    const parser = new EventParser(() => undefined);
    const part = 'x'.repeat(1_048_576);
    expect(() => {
      for (let size = 0; size <= MAX_EVENT_BYTES; size += part.length) parser.push(part);
    }).toThrow('an event is too large');
  });
});

it('shows the processes of a supervisor, asks those that run, and follows what becomes of them', async () => {
  const registry = await startedRegistry();
  await writeFile(folder.path('admin-token'), `${ADMIN_TOKEN}\n`, { mode: 0o600 });
  const { peerId } = await registered(registry, 'alpha', ['node']);
  const fleet = (state: FleetMember['state']) => ({
    registry: {
      address: `127.0.0.1:${registry.port}`,
      http: `127.0.0.1:${registry.httpPort}`,
      adminTokenFile: folder.path('admin-token'),
      network: 1,
    },
    members: [
      { name: 'registry', role: 'registry', state: 'running', pid: 1 },
      { name: 'origin', role: 'origin', state: 'running', pid: 2 },
      { name: 'alpha', role: 'node', state, pid: 3, peerId, status: '127.0.0.1:1' },
    ] as const,
  });
  const page = await servedPage();
  page.showFleet(fleet('running'));
  const reader = await PageReader.open(page);
  const running = await reader.until(
    'the registry answers',
    ({ peers, sources }) => sources.get('registry')?.state === 'ok' && peers.get(peerId)?.nodeId === 1,
  );
  expect([...running.sources.keys()].toSorted()).toEqual(['registry', 'status:alpha', 'supervisor']);
  expect(running.peers.get('process:registry')).toMatchObject({
    pid: 1,
    sources: ['registry', 'supervisor'],
  });
  expect(running.peers.get('process:origin')).toMatchObject({ state: 'online', roles: ['origin'] });
  page.showFleet(fleet('killed'));
  const killed = await reader.until('alpha is gone', ({ peers }) => peers.get(peerId)?.state === 'gone');
  expect([...killed.sources.keys()].toSorted()).toEqual(['registry', 'supervisor']);
});
