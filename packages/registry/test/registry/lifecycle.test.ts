import { readdir, readFile, readlink, stat, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { fileStorage, type Storage } from '@muster/core';
import { Identity } from '@muster/core/identity';
import { describe, expect, test } from 'vitest';
import { jsonFrame } from '../../src/wire/index.ts';
import { ADMIN_TOKEN, codeOf, eventually, Scene, Wire } from './support.ts';

/** Sockets and files that this process has open. */
async function openHandles(): Promise<string[]> {
  const open: string[] = [];
  for (const fd of await readdir('/proc/self/fd')) {
    const target = await readlink(`/proc/self/fd/${fd}`).catch(() => '');
    if (target.startsWith('socket:') || target.includes('muster-registry-')) open.push(target);
  }
  return open;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** The length of the list of all nodes. */
async function listBytes(port: number): Promise<number> {
  const wire = await Wire.open(port);
  wire.ask({ type: 'list_nodes', network_id: 0, admin_token: ADMIN_TOKEN });
  await wire.answers(1);
  wire.socket.destroy();
  return wire.received.readUInt32BE(0);
}

/** Files that can only be opened once the gate is open. */
function gatedStorage(): { storage: Storage; open: () => void } {
  let open = (): void => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const storage: Storage = {
    open: async (path, mode) => {
      await gate;
      return fileStorage.open(path, mode);
    },
    rename: (from, to) => fileStorage.rename(from, to),
    remove: (path) => fileStorage.remove(path),
    list: (directory) => fileStorage.list(directory),
    makeDirectory: (directory) => fileStorage.makeDirectory(directory),
    syncDirectory: (directory) => fileStorage.syncDirectory(directory),
  };
  return { storage, open };
}

describe('start and stop', () => {
  test.each([
    ['plain', 'off'],
    ['TLS', 'self-signed'],
  ] as const)('leave no handle: %s', async (_name, kind) => {
    await using scene = new Scene();
    const directory = await scene.directory();
    const before = await openHandles();
    for (let round = 0; round < 2; round++) {
      const registry = await scene.start({
        directory,
        http: { host: '127.0.0.1', port: 0 },
        tls: kind === 'off' ? { kind } : { kind, hostNames: [] },
      });
      const client = scene.client(registry, { identity: Identity.generate() });
      await client.register({ hostname: `round-${round}` });
      const idle = await Wire.open(registry.port);
      const half = await Wire.open(registry.port);
      half.socket.write(Buffer.of(0, 0));
      await registry.stop();
      await registry.stop();
      await client.close();
      idle.socket.destroy();
      half.socket.destroy();
      await eventually(async () => (await openHandles()).length <= before.length, 'everything is closed');
    }
    expect(process.getActiveResourcesInfo().filter((name) => name.startsWith('TCP'))).toEqual([]);
  });

  test('a stopped registry refuses connections and has closed the open ones', async () => {
    await using scene = new Scene();
    const registry = await scene.start();
    const wire = await Wire.open(registry.port, '127.0.0.1', scene);
    wire.ask({ type: 'list_networks' });
    await wire.answers(1);
    await registry.stop();
    await eventually(() => wire.isOver, 'the connection is closed');
    expect(await codeOf(Wire.open(registry.port))).toBe('ECONNREFUSED');
    expect(registry.sessions?.sessionCount).toBe(0);
  });

  test('a start that fails leaves nothing behind, not even the lock', async () => {
    await using scene = new Scene();
    const directory = await scene.directory();
    const other = await scene.start();
    const before = await openHandles();
    const taken = { host: '127.0.0.1', port: other.port };
    expect(await codeOf(scene.start({ directory, listen: taken }))).toBe('EADDRINUSE');
    expect(await codeOf(scene.start({ directory, http: taken }))).toBe('EADDRINUSE');
    const noFile = {
      kind: 'files',
      certificatePath: join(directory, 'none'),
      keyPath: join(directory, 'none'),
    } as const;
    expect(await codeOf(scene.start({ directory, tls: noFile }))).toBe('tls_keypair_unusable');
    await eventually(async () => (await openHandles()).length <= before.length, 'everything is closed');
    const registry = await scene.start({ directory });
    expect(registry.status).toBe('ok');
  });

  test('two registries can not have the same folder', async () => {
    await using scene = new Scene();
    const directory = await scene.directory();
    const first = await scene.start({ directory });
    expect(await codeOf(scene.start({ directory }))).toBe('STORE_LOCKED');
    const wire = await Wire.open(first.port, '127.0.0.1', scene);
    wire.ask({ type: 'list_networks' });
    expect(await wire.answers(1)).toMatchObject([{ type: 'list_networks_ok' }]);
    await first.stop();
    expect((await scene.start({ directory })).status).toBe('ok');
  });
});

describe('while it loads', () => {
  test('health says starting, readiness says no, and clients are not taken yet', async () => {
    await using scene = new Scene();
    const directory = await scene.directory();
    await (await scene.start({ directory })).stop();
    const { storage, open } = gatedStorage();
    const [httpPort, port] = [await freePort(), await freePort()];
    const started = scene.start({
      directory,
      storage,
      listen: { host: '127.0.0.1', port },
      http: { host: '127.0.0.1', port: httpPort },
    });
    const get = async (path: string): Promise<Response> => fetch(`http://127.0.0.1:${httpPort}${path}`);
    await eventually(
      async () =>
        get('/healthz').then(
          (reply) => reply.ok,
          () => false,
        ),
      'the probe is answered',
    );
    expect(await (await get('/healthz')).json()).toMatchObject({ status: 'starting' });
    expect((await get('/readyz')).status).toBe(503);
    expect((await fetch(`http://127.0.0.1:${httpPort}/api/snapshot`, { method: 'POST' })).status).toBe(503);
    expect(await codeOf(Wire.open(port))).toBe('ECONNREFUSED');
    open();
    const registry = await started;
    expect(registry.status).toBe('ok');
    expect(await (await get('/healthz')).json()).toMatchObject({ status: 'ok' });
    expect((await get('/readyz')).status).toBe(200);
    expect((await fetch(`http://127.0.0.1:${httpPort}/api/snapshot`, { method: 'POST' })).status).toBe(200);
  });
});

describe('TLS', () => {
  const secure = { tls: { kind: 'self-signed', hostNames: ['registry.example'] } } as const;

  test('version 1.3 only, the pinned certificate, the same after a restart', async () => {
    await using scene = new Scene();
    const directory = await scene.directory();
    const first = await scene.start({ directory, ...secure });
    const fingerprint = first.tlsFingerprint as string;
    const identity = Identity.generate();
    const client = scene.client(first, { identity, tls: { pin: fingerprint } });
    const { nodeId } = await client.register({ hostname: 'secured' });
    const wrong = scene.client(first, { tls: { pin: '0'.repeat(64) }, reconnect: { maxAttempts: 1 } });
    expect(await codeOf(wrong.lookup(nodeId))).toBe('PIN_MISMATCH');
    const old = connectTls({
      port: first.port,
      host: '127.0.0.1',
      maxVersion: 'TLSv1.2',
      rejectUnauthorized: false,
    });
    expect(String(await new Promise((resolve) => old.once('error', resolve)))).toMatch(
      /protocol version|alert/i,
    );
    const plain = await Wire.open(first.port, '127.0.0.1', scene);
    plain.ask({ type: 'list_networks' });
    await eventually(() => plain.isOver, 'the plain connection is closed');
    await first.stop();
    const second = await scene.start({ directory, ...secure });
    expect(second.tlsFingerprint).toBe(fingerprint);
    expect((await stat(join(directory, 'tls', 'self-signed.pem'))).mode & 0o077).toBe(0);
    const again = scene.client(second, { tls: { pin: fingerprint } });
    expect((await again.lookup(nodeId)).hostname).toBe('secured');
  });

  test('a connection that was quiet for longer than an answer may take is kept', async () => {
    await using scene = new Scene();
    const registry = await scene.start({ ...secure, limits: { connections: { writeTimeoutMs: 250 } } });
    const socket = connectTls({ port: registry.port, host: '127.0.0.1', rejectUnauthorized: false });
    scene.onEnd(async () => socket.destroy());
    let answers = 0;
    let closed = false;
    socket.on('data', () => answers++);
    socket.on('close', () => {
      closed = true;
    });
    const ask = (): void => void socket.write(jsonFrame(Buffer.from('{"type":"list_networks"}')));
    ask();
    await eventually(() => answers === 1, 'the answer has come');
    const sessions = registry.sessions as NonNullable<typeof registry.sessions>;
    const until = registry.clock.monotonic() + 1_500;
    await eventually(() => registry.clock.monotonic() > until, 'the time to write is over');
    expect([closed, sessions.sessionCount]).toEqual([false, 1]);
    ask();
    await eventually(() => answers === 2, 'the second answer has come');
  });

  test('a client that closes its sending side still gets its answers', async () => {
    await using scene = new Scene();
    const registry = await scene.start({ ...secure, directory: await scene.directory() });
    const halfOpen = { allowHalfOpen: true } as object;
    const socket = connectTls({
      port: registry.port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      ...halfOpen,
    });
    scene.onEnd(async () => socket.destroy());
    const chunks: Buffer[] = [];
    let isOver = false;
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('close', () => {
      isOver = true;
    });
    socket.on('end', () => socket.destroy());
    const key = Identity.generate();
    const signature = key.sign(`register::${key.publicKeyBase64}`);
    const message = { type: 'register', public_key: key.publicKeyBase64, listen_addr: '', signature };
    socket.end(jsonFrame(Buffer.from(JSON.stringify(message))));
    await eventually(() => isOver, 'the connection is closed');
    expect(Buffer.concat(chunks).toString()).toContain('"register_ok"');
  });

  test('stopping does not wait for handshakes that never end', async () => {
    await using scene = new Scene();
    const registry = await scene.start({ ...secure });
    const wire = await Wire.open(registry.port, '127.0.0.1', scene);
    wire.socket.write(Buffer.of(0x16, 3, 1));
    await eventually(() => registry.admission.connections === 1, 'the connection is there');
    await registry.stop();
    await eventually(() => wire.isOver, 'the connection is closed', 3_000);
    expect(registry.admission.connections).toBe(0);
  });

  test('connections count against their address before the handshake, and no more when it fails', async () => {
    await using scene = new Scene();
    const limits = { admission: { maxConnectionsPerAddress: 3 } };
    const registry = await scene.start({ ...secure, limits });
    const wires = await Promise.all([1, 2, 3].map(async () => Wire.open(registry.port, '127.0.0.1', scene)));
    await eventually(() => registry.admission.connections === 3, 'three are there');
    const fourth = await Wire.open(registry.port, '127.0.0.1', scene);
    await eventually(() => fourth.isOver, 'the fourth is closed');
    wires[0]?.socket.write('this is no handshake');
    wires[1]?.socket.destroy();
    await eventually(() => registry.admission.connections === 1, 'two have gone');
    const client = scene.client(registry, { poolSize: 1 });
    expect((await client.listNetworks()).networks).toHaveLength(1);
    expect([registry.admission.connections, registry.sessions?.sessionCount]).toEqual([2, 1]);
  });
});

describe('files of the operator', () => {
  test('breakers are read at the start, followed while it runs, and written when set over HTTP', async () => {
    await using scene = new Scene();
    const directory = await scene.directory();
    const file = join(directory, 'breakers.json');
    await writeFile(file, JSON.stringify({ 'registry.register': { state: 'open', reason: 'full' } }));
    const registry = await scene.start({ directory, http: { host: '127.0.0.1', port: 0 } });
    const identity = Identity.generate();
    const client = scene.client(registry, { identity, encoding: 'json' });
    await expect(client.register()).rejects.toMatchObject({ details: { refusal: { code: 'breaker_open' } } });
    await writeFile(file, '{}');
    await eventually(
      async () =>
        client.register().then(
          () => true,
          () => false,
        ),
      'the breaker is closed',
    );
    const reply = await fetch(`http://127.0.0.1:${registry.httpPort}/api/breakers/registry.heartbeat`, {
      method: 'PUT',
      headers: { 'x-admin-token': ADMIN_TOKEN, 'content-type': 'application/json' },
      body: JSON.stringify({ state: 'open', reason: 'tests' }),
    });
    expect(reply.status).toBe(200);
    expect(await readFile(file, 'utf8')).toContain('registry.heartbeat');
    await expect(client.heartbeat()).rejects.toMatchObject({
      details: { refusal: { code: 'breaker_open' } },
    });
  });

  test('the whitelist lifts limits, also of connections that are open', async () => {
    await using scene = new Scene();
    const directory = await scene.directory();
    const registry = await scene.start({
      directory,
      limitLoopback: true,
      limits: { admission: { requestsPerSecondPerAddress: 1, requestBurstPerAddress: 5 } },
    });
    const wire = await Wire.open(registry.port, '127.0.0.1', scene);
    for (let i = 0; i < 10; i++) wire.ask({ type: 'list_networks' });
    const types = (await wire.answers(10)).map(({ type }) => type);
    expect(types.indexOf('error')).toBeGreaterThanOrEqual(4);
    expect(types.at(-1)).toBe('error');
    await writeFile(
      join(directory, 'rate-limit-whitelist.json'),
      JSON.stringify([{ cidr: '127.0.0.0/8', rate: 100_000 }]),
    );
    let asked = 10;
    await eventually(async () => {
      wire.ask({ type: 'list_networks' });
      wire.ask({ type: 'list_networks' });
      asked += 2;
      return (await wire.answers(asked)).slice(-2).every(({ type }) => type === 'list_networks_ok');
    }, 'the list is in force');
    await writeFile(join(directory, 'rate-limit-whitelist.json'), 'nonsense');
    const until = registry.clock.monotonic() + 2_500;
    await eventually(() => registry.clock.monotonic() > until, 'the file was looked at again');
    for (let i = 0; i < 10; i++) wire.ask({ type: 'list_networks' });
    const after = (await wire.answers(asked + 10)).slice(-10).map(({ type }) => type);
    expect(after).toEqual(Array<string>(10).fill('list_networks_ok'));
  });
});

describe('metrics', () => {
  test('count what happened, with bounded labels', async () => {
    await using scene = new Scene();
    const directory = await scene.directory();
    const registry = await scene.start({ directory, http: { host: '127.0.0.1', port: 0 } });
    const client = scene.client(registry, { identity: Identity.generate(), poolSize: 1 });
    const { nodeId } = await client.register();
    await client.heartbeat();
    await client.lookup(nodeId);
    for (const type of ['x', 'y', 'z{}"\n']) await codeOf(client.send(type));
    const text = await (await fetch(`http://127.0.0.1:${registry.httpPort}/metrics`)).text();
    const value = (name: string): number => Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1]);
    expect(value('pilot_requests_total\\{type="register"\\}')).toBe(1);
    expect(value('pilot_requests_total\\{type="unknown"\\}')).toBe(3);
    expect(value('pilot_requests_total\\{type="heartbeat"\\}')).toBe(1);
    expect(value('pilot_nodes_total')).toBe(1);
    expect(value('pilot_nodes_online')).toBe(1);
    expect(value('pilot_registry_tcp_connections')).toBe(1);
    expect(value('muster_log_durable_seq')).toBe(2);
    expect(text).not.toMatch(/type="[xyz]/);
  });
});

describe('what is kept', () => {
  test('everything survives a clean restart, with and without a snapshot', async () => {
    await using scene = new Scene();
    const directory = await scene.directory();
    const [alice, bob] = [Identity.generate(), Identity.generate()];
    let registry = await scene.start({ directory });
    let a = scene.client(registry, { identity: alice, adminToken: ADMIN_TOKEN });
    let b = scene.client(registry, { identity: bob });
    await a.register({
      hostname: 'alice',
      owner: 'alice@example.org',
      version: 'v1',
      listenAddress: '198.51.100.7:4000',
    });
    await b.register({ lanAddresses: ['10.0.0.1:4000'], relayOnly: true });
    await a.setTags(['blue', 'green']);
    await a.setVisibility('public');
    await b.setHostname('bob');
    await a.reportTrust(b.nodeId as number);
    await b.reportTrust(a.nodeId as number);
    const { networkId } = await a.createNetwork({
      name: 'team',
      enterprise: true,
      exprPolicy: { version: 1, rules: [] },
    });
    await b.joinNetwork(networkId);
    await a.setKeyExpiry(new Date(Date.now() + 86_400_000 * 30));
    await a.setExternalId(b.nodeId as number, 'bob-7');
    const ids = [a.nodeId, b.nodeId] as [number, number];
    const view = async (): Promise<unknown> => {
      const lookups = await Promise.all(ids.map(async (id) => a.lookup(id, { full: true })));
      return {
        lookups: lookups.map((lookup) => ({
          ...lookup,
          raw: { ...(lookup.raw as { message: object }).message, last_seen_unix: 0 },
          lastSeenMs: 0,
        })),
        names: (await a.resolveHostname('bob')).nodeId,
        networks: (await a.listNetworks({ adminToken: ADMIN_TOKEN })).networks,
        trust: (await a.checkTrust(...ids)).trusted,
        key: (await a.getKeyInfo(ids[0])).expiresAtMs,
        identity: (await a.getIdentity(ids[1])).externalId,
        members: (await a.listNodes(networkId)).nodes.map(({ nodeId, message }) => [nodeId, message['role']]),
      };
    };
    const before = await view();
    for (const snapshot of [false, true, false]) {
      if (snapshot) await registry.store?.writeSnapshot();
      await registry.stop();
      registry = await scene.start({ directory });
      a = scene.client(registry, { identity: alice, nodeId: ids[0], adminToken: ADMIN_TOKEN });
      b = scene.client(registry, { identity: bob, nodeId: ids[1] });
      expect(await view()).toEqual(before);
    }
    expect((await b.heartbeat()).keyExpiryWarning).toBe(false);
    const next = scene.client(registry, { identity: Identity.generate() });
    expect((await next.register()).nodeId).toBe(ids[1] + 1);
  });

  test('signs of life are kept over a clean stop', async () => {
    await using scene = new Scene();
    const directory = await scene.directory();
    const registry = await scene.start({ directory });
    const client = scene.client(registry, { identity: Identity.generate() });
    const { nodeId } = await client.register();
    const nodes = registry.directory?.nodes as NonNullable<typeof registry.directory>['nodes'];
    const seen = Math.floor(Date.now() / 1000) + 5;
    nodes.lastSeen[nodes.liveSlotOf(nodeId)] = seen;
    await registry.stop();
    const again = await scene.start({ directory });
    const other = again.directory?.nodes as typeof nodes;
    expect(other.lastSeen[other.liveSlotOf(nodeId)]).toBe(seen);
  });

  test('without a folder nothing is written and nothing is kept', async () => {
    await using scene = new Scene();
    const registry = await scene.start({ http: { host: '127.0.0.1', port: 0 } });
    const client = scene.client(registry, { identity: Identity.generate() });
    await client.register({ hostname: 'shortlived' });
    expect(registry.recovery).toBeUndefined();
    expect((await fetch(`http://127.0.0.1:${registry.httpPort}/healthz`)).status).toBe(200);
    await registry.stop();
    const again = await scene.start();
    await expect(scene.client(again).resolveHostname('shortlived')).rejects.toMatchObject({
      code: 'REGISTRY_REFUSED',
    });
  });
});

describe('real sockets', () => {
  test('a client that closes its sending side still gets all its answers', async () => {
    await using scene = new Scene();
    const registry = await scene.start({ directory: await scene.directory() });
    const wire = await Wire.open(registry.port, '127.0.0.1', scene);
    const keys = Array.from({ length: 20 }, () => Identity.generate());
    for (const key of keys) {
      const signature = key.sign(`register::${key.publicKeyBase64}`);
      wire.ask({ type: 'register', public_key: key.publicKeyBase64, listen_addr: '', signature });
    }
    wire.socket.end();
    expect((await wire.answers(20)).map(({ type }) => type)).toEqual(Array<string>(20).fill('register_ok'));
    await eventually(() => wire.isOver, 'the server has closed its side');
    await eventually(() => registry.sessions?.sessionCount === 0, 'the session is gone');
  });

  test('a client that reads slowly, but reads, gets a large list', async () => {
    await using scene = new Scene();
    const registry = await scene.start({ limits: { connections: { writeTimeoutMs: 1_000 } } });
    const engine = registry.engine as NonNullable<typeof registry.engine>;
    for (let id = 1; id <= 40_000; id++) {
      engine.commit([
        {
          type: 'node.registered',
          id,
          key: Buffer.from(id.toString().padStart(32, '.')).toString('base64'),
          at: 1_780_000_000,
          hostname: `a-rather-long-name-for-node-${id}`,
          version: 'v1.2.3',
        },
      ]);
    }
    const socket = connect(registry.port, '127.0.0.1');
    scene.onEnd(async () => socket.destroy());
    let isOver = false;
    socket.on('close', () => {
      isOver = true;
    });
    const ask = { type: 'list_nodes', network_id: 0, admin_token: ADMIN_TOKEN };
    // Some of them fit into the buffers of the system, the others do not.
    for (let i = 0; i < 5; i++) socket.write(jsonFrame(Buffer.from(JSON.stringify(ask))));
    // A little at a time, for several times as long as nothing may be taken; then all.
    let received = 0;
    let slowReads = 0;
    const until = registry.clock.monotonic() + 2_500;
    await eventually(() => {
      const bytes = (socket.read() as Buffer | null)?.length ?? 0;
      received += bytes;
      if (bytes > 0) slowReads++;
      return registry.clock.monotonic() > until;
    }, 'it has been slow for long enough');
    expect([isOver, slowReads > 20]).toEqual([false, true]);
    const expected = 5 * (4 + (await listBytes(registry.port)));
    expect(received).toBeLessThan(expected);
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    await eventually(() => received === expected || isOver, 'everything has come');
    expect([received, isOver]).toEqual([expected, false]);
  });

  test('a client that does not read is cut off, and does not stop the others', async () => {
    await using scene = new Scene();
    const registry = await scene.start({ limits: { connections: { writeTimeoutMs: 300 } } });
    const deaf = await Wire.open(registry.port, '127.0.0.1', scene);
    deaf.socket.pause();
    const ask = jsonFrame(Buffer.from('{"type":"list_networks"}'));
    const flood = Buffer.concat(Array.from({ length: 2_000 }, () => ask));
    for (let i = 0; i < 100; i++) deaf.socket.write(flood);
    const other = await Wire.open(registry.port, '127.0.0.1', scene);
    let answered = 0;
    await eventually(async () => {
      other.ask({ type: 'list_networks' });
      answered++;
      await other.answers(answered);
      return registry.sessions?.sessionCount === 1;
    }, 'the deaf client is cut off');
    expect(answered).toBeGreaterThan(2);
  });
});
