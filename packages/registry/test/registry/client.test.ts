import { createServer } from 'node:http';
import { RegistryClient, refusalOf } from '@muster/client';
import { Identity } from '@muster/core/identity';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KeyRing, type Registry } from '../../src/index.ts';
import { ADMIN_TOKEN, eventually, Scene } from './support.ts';

const issuer = Identity.fromSeed(new Uint8Array(32).fill(41));
const authority = Identity.fromSeed(new Uint8Array(32).fill(42));
const COMMITMENT = 'Q09NTUlU';

const settings = {
  badgeKeys: KeyRing.parse(`bdg-v1=${issuer.publicKeyBase64}`),
  recoveryKeys: KeyRing.parse(`rec-v1=${authority.publicKeyBase64}`),
  allowedDestinations: ['127.0.0.1'],
};

/** What each test has called, to see at the end that nothing of the client was left out. */
const called = new Set<string>();

function recorded(client: RegistryClient): RegistryClient {
  return new Proxy(client, {
    get(target, name) {
      called.add(String(name));
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

function methodsOf(prototype: object): string[] {
  const names: string[] = [];
  for (let at = prototype; at !== Object.prototype; at = Object.getPrototypeOf(at) as object) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at))) {
      if (typeof value === 'function' && name !== 'constructor') names.push(name);
    }
  }
  return names;
}

const variants = [
  ['json', 'plain', 'v1'],
  ['json', 'TLS', 'v2'],
  ['binary', 'plain', 'v1'],
  ['binary', 'TLS', 'v1'],
] as const;

describe.each(variants)('client against server: %s, %s, signatures %s', (encoding, transport, signatures) => {
  const scene = new Scene();
  let registry: Registry;

  beforeAll(async () => {
    registry = await scene.start({
      directory: await scene.directory(),
      tls: transport === 'TLS' ? { kind: 'self-signed', hostNames: [] } : { kind: 'off' },
      ...settings,
    });
  });
  afterAll(async () => scene[Symbol.asyncDispose]());

  const open = (more: object = {}): RegistryClient =>
    recorded(
      scene.client(registry, { encoding, signatures, identity: Identity.generate(), poolSize: 1, ...more }),
    );
  const admin = (): RegistryClient => open({ adminToken: ADMIN_TOKEN });
  const codeOf = async (promise: Promise<unknown>): Promise<string | undefined> =>
    promise.then(
      () => 'fulfilled',
      (error: unknown) => refusalOf(error)?.code,
    );
  const unique = (prefix: string): string => `${prefix}-${encoding}-${transport.toLowerCase()}`;

  test('registration, names, tags, visibility, lookup, resolution', async () => {
    const [a, b] = [open(), open()];
    const registered = await a.register({
      listenAddress: '127.0.0.1:4000',
      hostname: unique('alice'),
      version: 'v9',
      owner: unique('o'),
    });
    expect(registered).toMatchObject({
      nodeId: a.nodeId,
      hostname: { kind: 'set', hostname: unique('alice') },
    });
    expect(registered.publicKey).toEqual(Uint8Array.from(a.identity?.publicKey as Uint8Array));
    await b.register({ hostname: unique('alice'), lanAddresses: ['10.1.2.3:4000'] });
    const [idA, idB] = [a.nodeId as number, b.nodeId as number];
    expect((await a.heartbeat()).keyExpiryWarning).toBe(false);
    expect(Math.abs((await a.heartbeat()).serverTimeMs - Date.now())).toBeLessThan(60_000);
    expect((await b.setHostname(unique('bob'))).hostname).toBe(unique('bob'));
    expect((await b.setTags(['#x', 'y'])).tags).toEqual(['x', 'y']);
    expect(await a.lookup(idB)).toMatchObject({
      visibility: 'private',
      hostname: unique('bob'),
      tags: ['x', 'y'],
      networks: [0],
    });
    expect((await a.setVisibility('public')).visibility).toBe('public');
    expect(await b.lookup(idA)).toMatchObject({ visibility: 'public', realAddress: '127.0.0.1:4000' });
    expect(await b.lookup(idA, { full: true })).toMatchObject({
      visibility: 'public',
      version: 'v9',
      keyGeneration: 0,
    });
    expect(await b.resolve(idA)).toMatchObject({ nodeId: idA, realAddress: '127.0.0.1:4000', keyAgeDays: 0 });
    expect(await codeOf(a.resolve(idB))).toBe('private');
    expect((await b.resolveHostname(unique('alice'))).nodeId).toBe(idA);
    expect(await codeOf(a.resolveHostname(unique('bob')))).toBe('not_found');
    expect(await codeOf(a.lookup(4_000_000))).toBe('not_found');
    expect((await a.checkTrust(idA, idB)).trusted).toBe(false);
    await a.reportTrust(idB);
    await b.reportTrust(idA);
    expect((await a.checkTrust(idA, idB)).trusted).toBe(true);
    expect(await a.resolve(idB)).toMatchObject({ lanAddresses: ['10.1.2.3:4000'] });
    expect((await a.resolveHostname(unique('bob'))).nodeId).toBe(idB);
    expect(await a.punch(idA, idB)).toMatchObject({ nodeA: { nodeId: idA }, nodeB: { nodeId: idB } });
    await a.revokeTrust(idB);
    expect(await codeOf(a.punch(idA, idB))).not.toBe('fulfilled');
    await b.deregister();
    expect(await codeOf(a.lookup(idB))).toBe('not_found');
    expect(await codeOf(b.heartbeat())).toBe('not_found');
  });

  test('keys, identities, badges, recovery', async () => {
    const [a, root] = [open(), admin()];
    await a.register();
    const id = a.nodeId as number;
    const first = a.identity as Identity;
    await a.rotateKey(Identity.generate());
    expect(a.identity?.publicKeyBase64).not.toBe(first.publicKeyBase64);
    expect((await a.heartbeat()).keyExpiryWarning).toBe(false);
    const expiresAt = new Date(Math.floor(Date.now() / 1000) * 1000 + 3_600_000);
    await root.register();
    const { networkId } = await root.createNetwork({ name: unique('corp'), enterprise: true });
    await a.joinNetwork(networkId);
    expect(await a.setKeyExpiry(expiresAt)).toMatchObject({ nodeId: id, expiresAtMs: expiresAt.getTime() });
    expect((await a.heartbeat()).keyExpiryWarning).toBe(true);
    expect(await a.getKeyInfo(id)).toMatchObject({
      nodeId: id,
      rotateCount: 1,
      expiresAtMs: expiresAt.getTime(),
    });
    expect((await a.setKeyExpiry('never')).expiresAtMs).toBeUndefined();

    const now = Math.floor(Date.now() / 1000);
    const badge = `pilotbadge:v1:${id}:github:${now}:0:bdg-v1:`;
    expect((await a.submitBadge(badge, issuer.sign(badge))).provider).toBe('github');
    expect(await a.lookup(id, { full: true })).toMatchObject({ verified: true });
    const enrollment = `pilotenroll:v1:${id}:github:${COMMITMENT}:${now}:bdg-v1`;
    expect((await a.enrollRecovery(enrollment, issuer.sign(enrollment))).nodeId).toBe(id);
    const newIdentity = Identity.generate();
    const statement = `pilotrecover:v1:${id}:${newIdentity.publicKeyBase64}:${COMMITMENT}:${now + 600}:n1:rec-v1`;
    const rescuer = open();
    const recovery = { nodeId: id, statement, signature: authority.sign(statement), newIdentity };
    expect((await rescuer.recoverIdentity(recovery)).nodeId).toBe(id);
    expect((await rescuer.heartbeat()).keyExpiryWarning).toBe(false);
    expect(await codeOf(a.setTags([]))).not.toBe('fulfilled');

    expect((await root.setExternalId(id, 'ext-1')).externalId).toBe('ext-1');
    expect((await root.getIdentity(id)).externalId).toBe('ext-1');
    expect((await root.setIdentityWebhook('')).status).toBe('disabled');
    expect((await root.getIdpConfig()).configured).toBe(false);
    const keys = createServer((_request, reply) => reply.end('{"keys":[]}')).listen(0, '127.0.0.1');
    scene.onEnd(async () => keys.close());
    await new Promise((resolve) => keys.once('listening', resolve));
    const url = `http://127.0.0.1:${(keys.address() as { port: number }).port}/keys`;
    await root.setIdpConfig({ type: 'oidc', url, issuer: 'https://id.example' });
    expect(await root.getIdpConfig()).toMatchObject({
      configured: true,
      type: 'oidc',
      url,
      issuer: 'https://id.example',
    });
    expect((await root.validateToken('no.jwt.here')).verified).toBe(false);
    await root.setIdpConfig({ type: '', url: '' });
  });

  test('networks and lists', async () => {
    const [owner, member, root] = [open(), open(), admin()];
    await owner.register();
    await member.register({ hostname: unique('member') });
    await root.register();
    const created = await root.createNetwork({
      name: unique('team'),
      nodeId: owner.nodeId as number,
      joinRule: 'token',
      token: 'let-me-in',
      enterprise: true,
    });
    const { networkId } = created;
    expect(created).toMatchObject({ name: unique('team'), enterprise: true, managed: false });
    expect(await codeOf(member.joinNetwork(networkId, { token: 'wrong' }))).not.toBe('fulfilled');
    expect((await member.joinNetwork(networkId, { token: 'let-me-in' })).networkId).toBe(networkId);
    expect(await codeOf(member.joinNetwork(networkId, { token: 'let-me-in' }))).toBe('conflict');
    const list = await member.listNodes(networkId);
    expect(list.nodes.map(({ nodeId }) => nodeId)).toEqual([owner.nodeId, member.nodeId]);
    const paged = await member.listNodes(networkId, { pageSize: 1 });
    expect(paged.nodes.map(({ nodeId }) => nodeId)).toEqual([owner.nodeId, member.nodeId]);
    const whole = await member.listNodes(networkId, { sinceVersion: 0 });
    await member.setTags(['changed']);
    const delta = await member.listNodes(networkId, { sinceVersion: whole.version as number });
    expect(delta).toMatchObject({ kind: 'delta', removed: [], changed: [{ nodeId: member.nodeId }] });
    expect(await codeOf(member.listNodes(0))).not.toBe('fulfilled');
    const all = await root.listNodes(0, { adminToken: ADMIN_TOKEN });
    expect(all.nodes.length).toBeGreaterThanOrEqual(3);
    expect((await member.listNetworks()).networks.map(({ name }) => name)).toContain(unique('team'));
    const asAdmin = (await root.listNetworks({ adminToken: ADMIN_TOKEN })).networks;
    expect(asAdmin.find((network) => network.networkId === networkId)?.memberCount).toBe(2);
    await owner.heartbeat();
    expect((await owner.renameNetwork(networkId, unique('crew'))).name).toBe(unique('crew'));
    expect(await codeOf(member.renameNetwork(networkId, 'mine'))).toBe('auth_role');
    expect((await root.setNetworkEnterprise(networkId, false)).enterprise).toBe(false);
    expect((await member.leaveNetwork(networkId)).networkId).toBe(networkId);
    expect((await root.deleteNetwork(networkId)).networkId).toBe(networkId);
    expect(await codeOf(member.listNodes(networkId))).toBe('not_found');
    expect((await member.send('get_key_info', { node_id: member.nodeId }))['type']).toBe('get_key_info_ok');
    expect(await codeOf(member.send('nonsense'))).toBe('unknown_type');
  });

  test('leases', async () => {
    const [holder, other] = [open(), open()];
    await holder.register();
    await other.register();
    const resource = `0:${unique('work')}`;
    const granted = await holder.acquireLease(resource, { ttlMs: 60_000 });
    expect(granted).toMatchObject({ state: 'granted', resource, ttlMs: 60_000 });
    expect(await other.acquireLease(resource)).toMatchObject({
      state: 'held',
      token: granted.token,
      holder: { nodeId: holder.nodeId },
    });
    expect((await holder.renewLease(granted)).ttlMs).toBe(60_000);
    expect(await codeOf(other.renewLease(granted))).toBe('conflict');
    expect((await holder.releaseLease(granted, { done: true })).released).toBe(true);
    expect(await other.acquireLease(resource)).toMatchObject({ state: 'done' });
    const again = await other.acquireLease(resource, { notwithstanding: granted });
    expect([again.state, again.token > granted.token]).toEqual(['granted', true]);
  });

  test('a watch sees who joins, changes and leaves', async () => {
    const [root, node] = [admin(), open()];
    await root.register();
    await node.register();
    const { networkId } = await root.createNetwork({ name: unique('watched') });
    const events: string[] = [];
    let polls = 0;
    const stop = new AbortController();
    const watching = (async () => {
      const watch = open().watch(networkId, { intervalMs: 10, signal: stop.signal, onPoll: () => polls++ });
      for await (const change of watch) {
        const tags = change.kind === 'changed' ? (change.node.message['tags'] as string[]).join() : '';
        events.push(`${change.kind} ${change.node.nodeId}${tags === '' ? '' : ` ${tags}`}`);
      }
    })();
    const [owner, id] = [root.nodeId, node.nodeId];
    await eventually(() => polls > 0, 'the watch has begun');
    await node.joinNetwork(networkId);
    await eventually(() => events.length === 2, 'the join is seen');
    await node.setTags(['blue']);
    await eventually(() => events.length === 3, 'the change is seen');
    await node.leaveNetwork(networkId);
    await eventually(() => events.length === 4, 'the leave is seen');
    expect(events).toEqual([`joined ${owner}`, `joined ${id}`, `changed ${id} blue`, `left ${id}`]);
    stop.abort();
    await watching;
  });

  test('a heartbeat loop keeps a node alive', async () => {
    const node = open();
    await node.register();
    const nodes = registry.directory?.nodes as NonNullable<Registry['directory']>['nodes'];
    const slot = nodes.liveSlotOf(node.nodeId as number);
    nodes.lastSeen[slot] = 1;
    const failures: Error[] = [];
    const loop = node.heartbeatLoop({ intervalMs: 10, onFailure: (error) => failures.push(error) });
    await eventually(() => loop.lastBeat !== undefined, 'a heartbeat was taken');
    await loop.stop();
    expect([failures, (nodes.lastSeen[slot] as number) > 1]).toEqual([[], true]);
    await node.close();
  });
});

test('every method of the client was called', () => {
  const missing = methodsOf(RegistryClient.prototype).filter((name) => !called.has(name));
  expect(missing).toEqual([]);
});
