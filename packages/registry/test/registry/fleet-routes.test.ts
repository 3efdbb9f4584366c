import { get as httpGet, type IncomingMessage } from 'node:http';
import { Identity } from '@muster/core/identity';
import { afterEach, expect, it } from 'vitest';
import { MAX_EVENT_READERS, MAX_NODES_PER_PAGE } from '../../src/http/limits.ts';
import type { Registry } from '../../src/index.ts';
import { ADMIN_TOKEN, eventually, Scene } from './support.ts';

let scene = new Scene();
afterEach(async () => {
  await scene[Symbol.asyncDispose]();
  scene = new Scene();
});

async function served(directory?: string): Promise<Registry> {
  return await scene.start({ http: { host: '127.0.0.1', port: 0 }, directory });
}

interface Node {
  readonly node_id: number;
  readonly hostname?: string;
  readonly tags: readonly string[];
  readonly networks: readonly number[];
  readonly peer_id?: string;
  readonly last_seen: number;
  readonly online: boolean;
}

interface Page {
  readonly nodes: readonly Node[];
  readonly next: number | null;
  readonly last_event: number;
  readonly nodes_total: number;
}

async function ask(registry: Registry, path: string, token = ADMIN_TOKEN): Promise<Response> {
  return await fetch(`http://127.0.0.1:${registry.httpPort}${path}`, { headers: { 'x-admin-token': token } });
}

async function read<T>(registry: Registry, path: string): Promise<T> {
  const response = await ask(registry, path);
  expect(response.status, path).toBe(200);
  return (await response.json()) as T;
}

interface Told {
  readonly id: number;
  readonly name: string;
  readonly data: { readonly text?: string; readonly node?: Node; readonly node_ids?: readonly number[] };
}

/** Reads events until the scene ends. */
async function follow(registry: Registry, lastId?: number): Promise<readonly Told[]> {
  const events: Told[] = [];
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const headers = {
      'x-admin-token': ADMIN_TOKEN,
      ...(lastId === undefined ? {} : { 'last-event-id': String(lastId) }),
    };
    const request = httpGet({ host: '127.0.0.1', port: registry.httpPort, path: '/api/events', headers });
    request.once('response', resolve);
    request.once('error', reject);
    scene.onEnd(async () => request.destroy());
  });
  response.on('error', () => undefined);
  let rest = '';
  response.setEncoding('utf8').on('data', (text: string) => {
    const blocks = (rest + text).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const fields = new Map(block.split('\n').map((line) => line.split(/: (.*)/s) as [string, string]));
      if (!fields.has('event')) continue;
      events.push({
        id: Number(fields.get('id')),
        name: fields.get('event') ?? '',
        data: JSON.parse(fields.get('data') ?? '{}') as Told['data'],
      });
    }
  });
  return events;
}

async function register(registry: Registry, hostname: string, tags: readonly string[] = []) {
  const identity = Identity.generate();
  const client = scene.client(registry, { identity });
  const { nodeId } = await client.register({ hostname });
  if (tags.length > 0) await client.setTags(tags);
  return { identity, nodeId, client };
}

it('lists live nodes with what follows from their keys', async () => {
  const registry = await served();
  const { identity, nodeId } = await register(registry, 'alpha', ['indexer']);
  const page = await read<Page>(registry, '/api/nodes');
  expect(page).toMatchObject({ next: null, nodes_total: 1 });
  expect(page.nodes).toEqual([
    expect.objectContaining({
      node_id: nodeId,
      hostname: 'alpha',
      tags: ['indexer'],
      networks: [0],
      peer_id: identity.peerId,
      online: true,
    }),
  ]);
});

it('lists page by page, each node once', async () => {
  const registry = await served();
  for (let index = 0; index < 5; index++) await register(registry, `node-${index}`);
  const names: (string | undefined)[] = [];
  let from: number | null = 0;
  while (from !== null) {
    const page: Page = await read<Page>(registry, `/api/nodes?limit=2&from=${from}`);
    expect(page.nodes.length).toBeLessThanOrEqual(2);
    names.push(...page.nodes.map(({ hostname }) => hostname));
    from = page.next;
  }
  expect(names).toEqual(['node-0', 'node-1', 'node-2', 'node-3', 'node-4']);
});

it.each([
  '/api/nodes?limit=0',
  `/api/nodes?limit=${MAX_NODES_PER_PAGE + 1}`,
  '/api/nodes?from=-1',
  '/api/nodes?from=x',
  '/api/nodes/seen',
  '/api/nodes/seen?since=99999999999',
])('%s is a bad request', async (path) => {
  const registry = await served();
  const response = await ask(registry, path);
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ code: 'bad_request' });
});

it.each(['/api/nodes', '/api/nodes/seen?since=0', '/api/events', '/api/durability'])(
  '%s is for admins',
  async (path) => {
    const registry = await served();
    expect((await ask(registry, path, 'wrong')).status).toBe(401);
  },
);

it('tells signs of life by asking for them, not as events', async () => {
  const registry = await served();
  const { nodeId, client } = await register(registry, 'alpha');
  const events = await follow(registry);
  await eventually(() => events.length === 1, 'the stream greets');
  await client.heartbeat();
  const { seen, online } = await read<{ seen: [number, number][]; online: number }>(
    registry,
    '/api/nodes/seen?since=1',
  );
  expect(seen.map(([id]) => id)).toEqual([nodeId]);
  expect(online).toBe(1);
  expect(await read(registry, `/api/nodes/seen?since=4294967295`)).toMatchObject({ seen: [], next: null });
  await client.deregister();
  await eventually(() => events.length === 2, 'the next event has come');
  expect(events.map(({ name }) => name)).toEqual(['hello', 'node.deregistered']);
});

it('tells what happens, with the node as it is now', async () => {
  const registry = await served();
  const events = await follow(registry);
  await eventually(() => events.length === 1, 'the stream greets');
  const { nodeId, client } = await register(registry, 'alpha', ['mirror']);
  await client.deregister();
  await eventually(() => events.at(-1)?.name === 'node.deregistered', 'the node has gone');
  const registered = events.find(({ name }) => name === 'node.registered');
  expect(registered?.data.text).toBe(`alpha (node ${nodeId}) registered`);
  const tagged = events.find(({ name }) => name === 'node.tags');
  expect(tagged?.data.node).toMatchObject({ node_id: nodeId, tags: ['mirror'], online: true });
  const gone = events.at(-1);
  expect(gone?.data).toMatchObject({ text: `alpha (node ${nodeId}) left`, node_ids: [nodeId] });
  expect(gone?.data.node).toBeUndefined();
});

it('gives a reader that comes back what it missed, also after a restart of the registry', async () => {
  const directory = await scene.directory();
  const first = await served(directory);
  const { nodeId } = await register(first, 'alpha');
  const { last_event: last } = await read<Page>(first, '/api/nodes');
  await register(first, 'beta');
  const missed = await follow(first, last);
  await eventually(() => missed.length > 0, 'what was missed has come');
  expect(missed[0]).toMatchObject({ name: 'node.registered', data: { text: 'beta (node 2) registered' } });
  const newest = missed.at(-1)?.id as number;
  await first.stop();

  const second = await served(directory);
  const after = await follow(second, newest);
  await register(second, 'gamma');
  await eventually(() => after.length > 0, 'the next event has come');
  expect(after[0]?.name).toBe('node.registered');
  expect(nodeId).toBe(1);

  for (const lost of [last, newest + 1_000]) {
    const events = await follow(second, lost);
    await eventually(() => events.length > 0, 'the stream answers');
    expect(events[0]?.name).toBe('gap');
  }
});

it('takes a bounded number of readers', async () => {
  const registry = await served();
  for (let index = 0; index < MAX_EVENT_READERS; index++) {
    const events = await follow(registry);
    await eventually(() => events.length === 1, 'the stream greets');
  }
  const refused = await ask(registry, '/api/events');
  expect(refused.status).toBe(503);
  expect(await refused.json()).toMatchObject({ code: 'too_many_readers' });
});

it('tells how the log stands with the disk', async () => {
  const registry = await served(await scene.directory());
  await register(registry, 'alpha');
  const before = await read<Record<string, unknown>>(registry, '/api/durability');
  expect(before).toMatchObject({ mode: 'batch', failed: false, last_snapshot_at: null });
  expect(before['durable_seq']).toBe(before['applied_seq']);
  expect(before['requests_total']).toBe(1);
  expect(Number(before['log_bytes'])).toBeGreaterThan(0);
  await registry.store?.writeSnapshot();
  const after = await read<Record<string, unknown>>(registry, '/api/durability');
  expect(after['last_snapshot_seq']).toBe(before['applied_seq']);
  const memory = await served();
  expect(await read(memory, '/api/durability')).toMatchObject({ mode: 'memory' });
});
