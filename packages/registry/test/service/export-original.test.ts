import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { errorCode, fileStorage, type Storage } from '@muster/core';
import { challenges, Identity } from '@muster/core/identity';
import { seededRandom } from '@muster/core/testing';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { exportOriginalStore, lockStore, Registry } from '../../src/index.ts';
import type { ExportOriginalStoreOptions, ExportReport } from '../../src/index.ts';
import { Directory } from '../../src/model/directory.ts';
import {
  emptyOriginalNetwork,
  emptyOriginalNode,
  emptyOriginalStore,
  encodeOriginalKey,
  parseOriginalSnapshot,
} from '../../src/original/index.ts';
import type { OriginalStore } from '../../src/original/index.ts';
import { sourceFromDirectory } from '../../src/service/original-from-directory.ts';
import { TransferNotes } from '../../src/service/original-notes.ts';
import { fillDirectory } from '../../src/service/original-to-directory.ts';
import { jsonFrame } from '../../src/wire/index.ts';
import { anyStore, vector, vectorBytes, withChecksum } from '../original/fixtures.ts';
import {
  differences,
  fileWith,
  importInto,
  type Json,
  jsonFile,
  NOW_MS,
  nowClock,
  refusal,
  smallLimits,
  snapshotBytes,
  temporaryFolder,
} from './original-support.ts';

const golden = vectorBytes('snapshot_v1.raw.json');

function exportFrom(
  directory: string,
  to: string,
  options: Partial<ExportOriginalStoreOptions> = {},
): Promise<ExportReport> {
  return exportOriginalStore({
    clock: nowClock,
    random: seededRandom(9),
    limits: smallLimits,
    ...options,
    directory,
    to,
  });
}

/** Imports files and exports the store at once. */
async function roundTrip(
  snapshot: string | Uint8Array,
  log?: Uint8Array,
): Promise<{
  readonly before: Json;
  readonly after: Json;
  readonly report: ExportReport;
  readonly path: string;
}> {
  const folder = temporaryFolder();
  const snapshotPath = fileWith(folder, 'registry.json', snapshot);
  if (log !== undefined) fileWith(folder, 'registry.json.wal', log);
  const directory = join(folder, 'store');
  await importInto(directory, { snapshotPath, acceptMissingChecksum: true });
  const path = join(folder, 'exported.json');
  const report = await exportFrom(directory, path);
  return { before: jsonFile(snapshotPath), after: jsonFile(path), report, path };
}

describe('what was imported comes back', () => {
  it('from the full golden snapshot, but for tokens and one way to write a time', async () => {
    const { before, after, report, path } = await roundTrip(golden);
    expect(differences(before, after)).toEqual([
      'nodes.11.last_seen',
      'networks.3.token',
      'networks.3.admin_token',
      'checksum',
    ]);
    expect((after['nodes'] as Record<string, Json>)['11']?.['last_seen']).toBe('2026-08-01T09:00:00Z');
    expect(report).toMatchObject({
      nodes: 3,
      tombstones: 1,
      networks: 2,
      trustPairs: 1,
      leftOut: [],
      notes: [],
    });
    expect(report.newTokens).toEqual([{ id: 3, name: 'acme', token: true, adminToken: true }]);
    const network = (after['networks'] as Record<string, Json>)['3'];
    expect(network?.['token']).toMatch(/^[\w-]{43}$/);
    expect(network?.['admin_token']).not.toBe(network?.['token']);
    const bytes = readFileSync(path);
    expect(statSync(path)).toMatchObject({ size: report.bytes });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(bytes.toString()).toContain(`,"checksum":"${report.checksum}"}`);
    expect(parseOriginalSnapshot(bytes).checksum).toBe('verified');
    // Members in the original's order, since its check encodes anew: the same text, but for the values above.
    const names = /"(\w+)":/g;
    expect(bytes.toString().match(names)).toEqual(golden.toString().match(names));
  });

  it.each(['minimal', 'nil member list encodes as null', 'checksum absent is accepted'])(
    'from the golden snapshot "%s", byte for byte',
    async (name) => {
      const { cases } = vector<{ cases: { name: string; file_utf8: string }[] }>('snapshot_v1.json');
      const file = cases.find((each) => each.name === name)?.file_utf8 ?? '';
      const { path } = await roundTrip(file);
      const body = file.replace(/,"checksum":"[0-9a-f]{64}"\}$/, '}');
      expect(readFileSync(path, 'utf8')).toBe(withChecksum(body).toString());
    },
  );

  it('from the legacy snapshot, with what the newer version adds', async () => {
    const { file_utf8: file } = vector<{ file_utf8: string }>('snapshot_v0.json');
    const { before, after } = await roundTrip(file);
    expect(differences(before, after).sort()).toEqual([
      'checksum',
      'online_nodes',
      'task_executors',
      'total_nodes',
      'trust_links',
      'unique_tags',
      'version',
    ]);
    expect(after).toMatchObject({
      version: 1,
      total_nodes: 2,
      trust_links: 1,
      unique_tags: 1,
      task_executors: 1,
    });
  });

  it('from snapshot and log: what a second import of both files shows comes back from the first', async () => {
    const log = Buffer.from(vector<{ file_b64: string }>('wal.json').file_b64, 'base64');
    const first = await roundTrip(golden, log);
    const second = await roundTrip(readFileSync(first.path));
    const random = ['networks.3.token', 'networks.3.admin_token', 'checksum'];
    expect(differences(first.after, second.after).filter((path) => !random.includes(path))).toEqual([]);
  });

  it('from any store', () => {
    fc.assert(
      fc.property(anyStore, (store) => {
        const file = snapshotBytes(store);
        const state = new Directory(seededRandom(1), { maxNodes: 200, maxTombstones: 200 });
        const read = parseOriginalSnapshot(file).store;
        const context = { random: seededRandom(2), nowSeconds: NOW_MS / 1000, notes: new TransferNotes() };
        for (const _ of fillDirectory(state, read, context)) continue;
        const { source } = sourceFromDirectory(state, { ...context, onlineSeconds: 1_800 });
        const expected = comparable(JSON.parse(file.toString()) as Json);
        const exported = snapshotBytes(source as OriginalStore);
        expect(comparable(JSON.parse(exported.toString()) as Json)).toEqual(expected);
      }),
      { numRuns: 300 },
    );
  });

  it('from 20,000 nodes', async () => {
    const file = snapshotBytes(fleet(20_000));
    const { before, after, report } = await roundTrip(file);
    expect(comparable(after)).toEqual(comparable(before));
    expect(report).toMatchObject({ nodes: 20_000, tombstones: 500, networks: 51, leftOut: [], notes: [] });
    expect(report.newTokens).toHaveLength(25);
  });
});

/** What must be the same after an import and an export: tokens by presence, times as they can be stored, no figures. */
function comparable(file: Json): unknown {
  const { checksum, total_nodes, online_nodes, trust_links, unique_tags, task_executors, ...rest } = file;
  expect([checksum, total_nodes, online_nodes, trust_links, unique_tags, task_executors]).toHaveLength(6);
  const nodes = Object.entries(file['nodes'] as Record<string, Json>).map(([id, node]) => {
    const times = ['last_seen', 'key_created', 'key_rotated', 'key_expires'].map((name) => [
      name,
      node[name] === undefined
        ? undefined
        : Math.min(Math.max(Date.parse(String(node[name])), 1_000), 4_294_967_295_000),
    ]);
    return [id, { ...node, ...Object.fromEntries(times) }];
  });
  const networks = Object.entries(file['networks'] as Record<string, Json>).map(([id, network]) => {
    const members = network['members'] as number[];
    const tagged = Object.entries((network['member_tags'] ?? {}) as Json).filter(([node]) =>
      members.includes(Number(node)),
    );
    // Second 0 stands for "none".
    const created =
      network['created'] === '1970-01-01T00:00:00Z' ? '0001-01-01T00:00:00Z' : network['created'];
    return [
      id,
      {
        ...network,
        members: id === '0' ? members.toSorted((a, b) => a - b) : members,
        member_tags: Object.fromEntries(tagged),
        token: network['token'] !== undefined,
        admin_token: network['admin_token'] !== undefined,
        created,
      },
    ];
  });
  const pairs = ((file['trust_pairs'] ?? []) as string[]).filter((pair) => {
    const [low, high] = pair.split(':');
    return low !== high;
  });
  return {
    ...rest,
    nodes: Object.fromEntries(nodes) as unknown,
    networks: Object.fromEntries(networks) as unknown,
    trust_pairs: [...new Set(pairs)].sort(),
  };
}

/** A store with nodes of every kind, networks, trust, inboxes, reaped identities. */
function fleet(count: number): OriginalStore {
  const random = seededRandom(5);
  const store = emptyOriginalStore();
  const backbone = {
    ...emptyOriginalNetwork(0),
    name: 'backbone',
    joinRule: 'open',
    createdAtMs: NOW_MS - 1e9,
  };
  store.networks.set(0, backbone);
  for (let id = 1; id <= 50; id++) {
    const network = {
      ...emptyOriginalNetwork(id),
      name: `net-${id}`,
      joinRule: 'open',
      createdAtMs: NOW_MS - 1e8,
    };
    network.memberRoles = new Map();
    network.memberTags = new Map();
    network.members = [];
    if (id % 2 === 0) Object.assign(network, { joinRule: 'token', token: `token-${id}`, enterprise: true });
    store.networks.set(id, network);
  }
  for (let id = 1; id <= count + 500; id++) {
    const key = random.bytes(32);
    store.pubKeyIdx.set(encodeOriginalKey(key), id);
    const joined = [...new Set([1 + random.integer(50), 1 + random.integer(50)])];
    for (const each of joined) {
      const network = store.networks.get(each);
      network?.memberRoles.set(id, network.members.length === 0 ? 'owner' : 'member');
      network?.members.push(id);
      if (id % 7 === 0) network?.memberTags.set(id, ['tagged']);
    }
    if (id % 41 === 0 && store.pubKeyIdx.size - store.nodes.size <= 500) continue;
    const node = {
      ...emptyOriginalNode(id),
      publicKey: key,
      networks: [0, ...joined],
      realAddress: `10.0.0.1:${id}`,
    };
    node.lastSeenMs = NOW_MS - random.integer(3_600) * 1000;
    node.keyCreatedAtMs = NOW_MS - 1e7;
    node.public = id % 3 === 0;
    if (id % 2 === 0) node.hostname = `host-${id}`;
    if (id % 5 === 0) node.owner = `owner-${id}`;
    node.tags = id % 4 === 0 ? ['gpu', `zone-${id % 9}`] : [];
    backbone.members.push(id);
    store.nodes.set(id, node);
    if (id > 1 && id % 3 === 0) store.trustPairs.push([id - 1, id]);
    if (id % 2 === 0) {
      store.handshakeInbox.set(id, [
        { fromNodeId: 1 + random.integer(count), justification: 'hi', timestampMs: NOW_MS },
      ]);
    }
  }
  store.statistics.restartEventsMs = Array.from({ length: 1_100 }, (_, index) => NOW_MS - index);
  store.nextNode = count + 501;
  store.nextNet = 51;
  return store;
}

describe('what an export does not give back', () => {
  it('is reported: members that the format does not know, and marks that the original does not store', async () => {
    const { checksum: _, ...body } = JSON.parse(golden.toString()) as Json;
    (body['nodes'] as Record<string, Json>)['7'] = {
      ...(body['nodes'] as Record<string, Json>)['7'],
      polo_score: 3,
    };
    (body['networks'] as Record<string, Json>)['3'] = {
      ...(body['networks'] as Record<string, Json>)['3'],
      colour: 'red',
    };
    const { report } = await roundTrip(JSON.stringify({ ...body, future: [1] }));
    expect(report.leftOut.map(({ pattern }) => pattern).sort()).toEqual([
      'future',
      'networks.*.colour',
      'nodes.*.polo_score',
    ]);
  });
});

describe('what an export refuses', () => {
  async function goldenStore(): Promise<{ readonly folder: string; readonly directory: string }> {
    const folder = temporaryFolder();
    const directory = join(folder, 'store');
    await importInto(directory, { snapshotPath: fileWith(folder, 'registry.json', golden) });
    return { folder, directory };
  }

  it('a file that exists, which stays as it is', async () => {
    const { folder, directory } = await goldenStore();
    const to = fileWith(folder, 'out.json', 'mine');
    expect((await refusal(exportFrom(directory, to))).code).toBe('EXPORT_TARGET');
    expect(readFileSync(to, 'utf8')).toBe('mine');
  });

  it('a store that is in use, and says how to go on', async () => {
    const { folder, directory } = await goldenStore();
    const lock = await lockStore(directory);
    const error = await refusal(exportFrom(directory, join(folder, 'out.json')));
    expect(error.code).toBe('STORE_LOCKED');
    expect(error.hint).toContain('muster registry backup');
    await lock.release();
  });

  it('a damaged store, and a directory without one', async () => {
    const { folder, directory } = await goldenStore();
    const to = join(folder, 'out.json');
    expect((await refusal(exportFrom(join(folder, 'nowhere'), to))).code).toBe('STORE_NOT_FOUND');
    const snapshots = join(directory, 'snapshots');
    writeFileSync(join(snapshots, readdirSync(snapshots).sort().at(-1) ?? ''), 'damaged');
    expect((await refusal(exportFrom(directory, to))).code).toBe('SNAPSHOT_CORRUPT');
    expect(existsSync(to)).toBe(false);
  });

  it('to leave anything behind when the disk is full or gives back something else', async () => {
    const { folder, directory } = await goldenStore();
    const full = storageWith((data) => {
      throw Object.assign(new Error('disk full'), { code: data.length > 0 ? 'ENOSPC' : 'EIO' });
    });
    const to = join(folder, 'out.json');
    const before = readdirSync(folder);
    const failure = await exportFrom(directory, to, { storage: full }).catch((error: unknown) => error);
    expect(errorCode(failure)).toBe('ENOSPC');
    const lying = storageWith((data) => Buffer.from(Buffer.from(data).toString().replace('alpha', 'alphb')));
    expect((await refusal(exportFrom(directory, to, { storage: lying }))).code).toBe('EXPORT_UNVERIFIED');
    expect(readdirSync(folder)).toEqual(before);
    await exportFrom(directory, to);
    expect(parseOriginalSnapshot(readFileSync(to)).checksum).toBe('verified');
  });
});

/** The host's files, with other bytes written to new ones. */
function storageWith(change: (data: Uint8Array) => Uint8Array): Storage {
  return {
    ...fileStorage,
    async open(path, mode) {
      const file = await fileStorage.open(path, mode);
      if (mode !== 'create') return file;
      return {
        read: (position, length) => file.read(position, length),
        readInto: (position, target) => file.readInto(position, target),
        write: async (position, data) => file.write(position, change(data)),
        sync: () => file.sync(),
        truncate: (length) => file.truncate(length),
        size: () => file.size(),
        close: () => file.close(),
      };
    },
  };
}

/** An old client: JSON in frames, one request at a time. */
class OldClient {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #wanted: { readonly resolve: (reply: Json) => void; readonly reject: (error: Error) => void } | undefined;

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.on('data', (data: Buffer) => {
      this.#received = Buffer.concat([this.#received, data]);
      if (this.#received.length < 4) return;
      const end = 4 + this.#received.readUInt32BE(0);
      if (this.#received.length < end) return;
      const reply = JSON.parse(this.#received.toString('utf8', 4, end)) as Json;
      this.#received = this.#received.subarray(end);
      this.#wanted?.resolve(reply);
    });
    this.#socket.on('error', (error) => this.#wanted?.reject(error));
  }

  ask(type: string, fields: Json): Promise<Json> {
    return new Promise((resolve, reject) => {
      this.#wanted = { resolve, reject };
      this.#socket.write(jsonFrame(Buffer.from(JSON.stringify({ type, ...fields }))));
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}

describe('a registry on an imported store', () => {
  const seed = (first: number): Identity =>
    Identity.fromSeed(Uint8Array.from({ length: 32 }, (_, i) => first + i));
  const [alpha, beta, reaped] = [seed(0x00), seed(0x20), seed(0x40)];

  async function start(
    directory: string,
  ): Promise<{ readonly registry: Registry; readonly client: OldClient }> {
    const registry = await Registry.start({
      listen: { host: '127.0.0.1', port: 0 },
      directory,
      clock: nowClock,
      adminToken: 'an-admin-token',
      limits: { directory: smallLimits },
    });
    const client = new OldClient(registry.port);
    onTestFinished(async () => {
      client.close();
      await registry.stop();
    });
    return { registry, client };
  }

  it('answers old clients, and what it does is exported', async () => {
    const folder = temporaryFolder();
    const directory = join(folder, 'store');
    await importInto(directory, { snapshotPath: fileWith(folder, 'registry.json', golden) });
    const { registry, client } = await start(directory);

    expect(await client.ask('lookup', { node_id: 7 })).toMatchObject({
      node_id: 7,
      public_key: alpha.publicKeyBase64,
      hostname: 'alpha',
      networks: [0, 3],
    });
    // A private node shows its address to members of its network; one behind a relay shows it to nobody.
    const resolve = (from: Identity, requester: number, node: number): Promise<Json> => {
      const signature = from.sign(challenges.resolve(requester, node));
      return client.ask('resolve', { node_id: node, requester_id: requester, signature });
    };
    expect(await resolve(alpha, 7, 9)).toMatchObject({ node_id: 9, real_addr: '198.51.100.4:5000' });
    expect(await resolve(beta, 9, 7)).toMatchObject({ node_id: 7, relay_only: true, real_addr: '' });
    expect(await resolve(beta, 9, 11)).toHaveProperty('error');
    const listed = await client.ask('list_nodes', { network_id: 3, admin_token: 'an-admin-token' });
    const ids = (listed['nodes'] as Json[]).map((node) => node['node_id']);
    expect(ids).toEqual([7, 9, 5]);
    // On a connection that has proved nothing, another's signature is none; and nobody has the key of node 11.
    const stranger = new OldClient(registry.port);
    const forged = beta.sign(challenges.heartbeat(7));
    for (const node of [7, 11]) {
      expect(await stranger.ask('heartbeat', { node_id: node, signature: forged })).toHaveProperty('error');
    }
    stranger.close();
    const heartbeat = { node_id: 7, signature: alpha.sign(challenges.heartbeat(7)) };
    expect(await client.ask('heartbeat', heartbeat)).toMatchObject({
      type: 'heartbeat_ok',
      time: NOW_MS / 1000,
    });

    // The reaped identity comes back under its id, with its membership.
    const listen = '198.51.100.9:4000';
    const back = {
      public_key: reaped.publicKeyBase64,
      listen_addr: listen,
      signature: reaped.sign(challenges.register(listen, reaped.publicKeyBase64)),
    };
    expect(await client.ask('register', back)).toMatchObject({ node_id: 5 });
    expect(await client.ask('lookup', { node_id: 5 })).toMatchObject({ networks: [0, 3] });

    // A new node gets the next id, and into the network with the token that is now a hash.
    const fresh = seed(0x60);
    const joining = {
      public_key: fresh.publicKeyBase64,
      listen_addr: listen,
      signature: fresh.sign(challenges.register(listen, fresh.publicKeyBase64)),
    };
    expect(await client.ask('register', joining)).toMatchObject({ node_id: 12 });
    const join3 = { node_id: 12, network_id: 3, signature: fresh.sign(challenges.joinNetwork(12, 3)) };
    expect(await client.ask('join_network', { ...join3, token: 'wrong' })).toHaveProperty('error');
    expect(await client.ask('join_network', { ...join3, token: 's3cret' })).not.toHaveProperty('error');

    client.close();
    await registry.stop();
    const to = join(folder, 'exported.json');
    await exportFrom(directory, to);
    const { store } = parseOriginalSnapshot(readFileSync(to));
    expect(store.nextNode).toBe(13);
    expect([...store.nodes.keys()].sort((a, b) => a - b)).toEqual([5, 7, 9, 11, 12]);
    expect(store.nodes.get(7)?.lastSeenMs).toBe(NOW_MS);
    expect(store.nodes.get(5)?.networks).toEqual([0, 3]);
    expect(store.networks.get(3)?.members).toEqual([7, 9, 5, 12]);
    expect(store.networks.get(3)?.memberRoles.get(5)).toBe('admin');
    expect(store.auditLog).toHaveLength(3);
  });

  it('goes on after a restart', async () => {
    const folder = temporaryFolder();
    const directory = join(folder, 'store');
    await importInto(directory, { snapshotPath: fileWith(folder, 'registry.json', golden) });
    const first = await start(directory);
    const tags = { node_id: 9, tags: ['new'], signature: beta.sign(challenges.setTags(9)) };
    expect(await first.client.ask('set_tags', tags)).not.toHaveProperty('error');
    first.client.close();
    await first.registry.stop();
    const { client } = await start(directory);
    expect(await client.ask('lookup', { node_id: 9 })).toMatchObject({ tags: ['new'] });
  });
});
