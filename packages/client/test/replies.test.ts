import { describe, expect, it } from 'vitest';
import { type RegistryClientOptions, RegistryClient } from '../src/index.ts';
import { answering, FakeRegistry } from './fake-registry.ts';
import { keyA, keyB, vectors } from './vectors.ts';

type Json = Record<string, unknown>;

const B64 = keyA.publicKeyBase64;

/** Makes a call against a server that answers with this reply, whatever is asked. */
async function withReply<Result>(
  type: string,
  reply: Json,
  call: (client: RegistryClient) => Promise<Result>,
  options: Partial<RegistryClientOptions> = {},
): Promise<Result> {
  await using fake = await FakeRegistry.start(answering({ [type]: reply }));
  await using client = new RegistryClient({
    address: fake.address,
    encoding: 'json',
    identity: keyA,
    nodeId: 7,
    adminToken: 'adm',
    ...options,
  });
  return await call(client);
}

describe('typed results', () => {
  it('register: all fields, and the client acts for the node', async () => {
    const reply = {
      node_id: 12,
      network_id: 0,
      address: '0:0000.0000.000C',
      public_key: B64,
      observed_addr: '198.51.100.7:5123',
      protocol_version: 1,
      hostname: 'alpha',
      external_id: 'alice@example.com',
    };
    await using fake = await FakeRegistry.start(answering({ register: reply }));
    await using client = new RegistryClient({ address: fake.address, identity: keyA });
    expect(client.nodeId).toBeUndefined();
    expect(await client.register({ hostname: 'alpha' })).toEqual({
      nodeId: 12,
      address: '0:0000.0000.000C',
      publicKey: keyA.publicKey,
      observedAddress: '198.51.100.7:5123',
      hostname: { kind: 'set', hostname: 'alpha' },
      externalId: 'alice@example.com',
      raw: { encoding: 'json', message: { type: 'register_ok', ...reply } },
    });
    expect(client.nodeId).toBe(12);
  });

  it('register: what became of the hostname', async () => {
    const base = { node_id: 7, address: '0:0000.0000.0007', public_key: B64 };
    const refused = await withReply('register', { ...base, hostname_error: 'taken' }, (c) => c.register());
    expect(refused.hostname).toEqual({ kind: 'refused', reason: 'taken' });
    const none = await withReply('register', base, (c) => c.register());
    expect(none.hostname).toEqual({ kind: 'none' });
    expect(Object.keys(none).toSorted()).toEqual(['address', 'hostname', 'nodeId', 'publicKey', 'raw']);
  });

  it('lookup in full', async () => {
    const found = await withReply(
      'lookup',
      {
        node_id: 9,
        address: '0:0000.0000.0009',
        networks: [0, 3],
        public_key: B64,
        public: true,
        last_seen_unix: 1_780_000_000,
        key_generation: 2,
        hostname: 'beta',
        tags: ['gpu'],
        task_exec: true,
        version: 'v1.13.3',
        real_addr: '203.0.113.10:4000',
        endpoint: '203.0.113.10:4000',
        verified: true,
        badge: 'pilotbadge:v1:9:github:1780012800:0:bdg-v1:',
        badge_sig: 'c2ln',
        verification_provider: 'github',
        verified_at: '2026-05-29T00:00:00+00:00',
      },
      (c) => c.lookup(9, { full: true }),
      { encoding: 'binary' },
    );
    expect(found).toMatchObject({
      nodeId: 9,
      networks: [0, 3],
      publicKey: keyA.publicKey,
      visibility: 'public',
      realAddress: '203.0.113.10:4000',
      lastSeenMs: 1_780_000_000_000,
      keyGeneration: 2,
      hostname: 'beta',
      tags: ['gpu'],
      taskExec: true,
      version: 'v1.13.3',
      verified: true,
      badge: {
        statement: 'pilotbadge:v1:9:github:1780012800:0:bdg-v1:',
        signature: 'c2ln',
        provider: 'github',
        verifiedAtMs: Date.UTC(2026, 4, 29),
      },
    });
  });

  it('lookup of a private node has no address to show', async () => {
    const found = await withReply(
      'lookup',
      { node_id: 9, address: 'x', public: false, real_addr: 'leak' },
      (c) => c.lookup(9),
    );
    expect(found.visibility).toBe('private');
    expect(found).not.toHaveProperty('realAddress');
  });

  it('resolve', async () => {
    const reply = {
      node_id: 9,
      real_addr: '198.51.100.4:5000',
      lan_addrs: ['10.0.0.5:4000'],
      key_age_days: 12,
    };
    expect(await withReply('resolve', reply, (c) => c.resolve(9))).toMatchObject({
      realAddress: '198.51.100.4:5000',
      lanAddresses: ['10.0.0.5:4000'],
      keyAgeDays: 12,
      relayOnly: false,
    });
    const unknown = await withReply('resolve', { ...reply, key_age_days: -1 }, (c) => c.resolve(9));
    expect(unknown).not.toHaveProperty('keyAgeDays');
  });

  it('names, heartbeats, punches', async () => {
    const name = { node_id: 9, address: 'x', public: true, hostname: 'beta', last_seen_unix: 5 };
    expect(await withReply('resolve_hostname', name, (c) => c.resolveHostname('beta'))).toMatchObject({
      nodeId: 9,
      visibility: 'public',
      lastSeenMs: 5000,
    });
    const beat = { time: 1_780_000_000, key_expiry_warning: true };
    expect(await withReply('heartbeat', beat, (c) => c.heartbeat())).toMatchObject({
      serverTimeMs: 1_780_000_000_000,
      keyExpiryWarning: true,
    });
    const punch = { node_a: 7, node_a_addr: 'a:1', node_b: 9, node_b_addr: 'b:2' };
    expect(await withReply('punch', punch, (c) => c.punch(7, 9))).toMatchObject({
      nodeA: { nodeId: 7, realAddress: 'a:1' },
      nodeB: { nodeId: 9, realAddress: 'b:2' },
    });
  });

  it('setters', async () => {
    expect(
      await withReply('set_hostname', { node_id: 7, hostname: '' }, (c) => c.setHostname('')),
    ).toMatchObject({
      hostname: '',
    });
    expect(await withReply('set_tags', { node_id: 7, tags: null }, (c) => c.setTags(null))).toMatchObject({
      tags: [],
    });
    expect(
      await withReply('set_visibility', { node_id: 7, visibility: 'public' }, (c) =>
        c.setVisibility('public'),
      ),
    ).toMatchObject({ visibility: 'public' });
    expect(await withReply('deregister', {}, (c) => c.deregister())).toEqual({
      raw: { encoding: 'json', message: { type: 'deregister_ok' } },
    });
  });

  it('lists: live and offline members', async () => {
    const nodes = [
      {
        node_id: 7,
        address: '3:0003.0000.0007',
        public: true,
        hostname: 'alpha',
        tags: ['gpu'],
        real_addr: '203.0.113.10:4000',
        last_seen: '2026-11-21T07:00:00Z',
        role: 'owner',
        member_tags: ['core'],
      },
      { node_id: 8, address: '3:0003.0000.0008', offline: true, role: 'member' },
    ];
    const list = await withReply('list_nodes', { nodes }, (c) => c.listNodes(3));
    expect(list).toMatchObject({ kind: 'full', version: undefined });
    expect(list.nodes).toEqual([
      {
        state: 'live',
        nodeId: 7,
        address: '3:0003.0000.0007',
        visibility: 'public',
        hostname: 'alpha',
        tags: ['gpu'],
        taskExec: false,
        realAddress: '203.0.113.10:4000',
        lastSeenMs: Date.UTC(2026, 10, 21, 7),
        role: 'owner',
        memberTags: ['core'],
        message: nodes[0],
      },
      {
        state: 'offline',
        nodeId: 8,
        address: '3:0003.0000.0008',
        role: 'member',
        memberTags: [],
        message: nodes[1],
      },
    ]);
  });

  it('lists in pages', async () => {
    const entry = (nodeId: number): Json => ({ node_id: nodeId, address: `3:0003.0000.000${nodeId}` });
    await using fake = await FakeRegistry.start(({ message }, connection) => {
      const after = Number(message['after'] ?? 0);
      connection.answer({
        type: 'list_nodes_ok',
        nodes: [entry(after + 1), entry(after + 2)],
        ...(after < 4 ? { next_after: after + 2 } : {}),
      });
    });
    await using client = new RegistryClient({ address: fake.address });
    const list = await client.listNodes(3, { pageSize: 2 });
    expect(list.nodes.map((node) => node.nodeId)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(list.raw).toHaveLength(3);
    expect(fake.requests.map(({ message }) => [message['limit'], message['after']])).toEqual([
      [2, undefined],
      [2, 2],
      [2, 4],
    ]);
    const enough = await client.listNodes(3, { pageSize: 2, maxNodes: 3 });
    expect(enough.nodes.map((node) => node.nodeId)).toEqual([1, 2, 3, 4]);
    fake.script = (_, connection) => connection.answer({ type: 'list_nodes_ok', nodes: [], next_after: 5 });
    await expect(client.listNodes(3, { pageSize: 2 })).rejects.toMatchObject({ code: 'PROTOCOL' });
  });

  it('changes of a list', async () => {
    const reply = { nodes: [{ node_id: 9, address: 'x' }], removed: [8], since_version: 4, version: 6 };
    expect(await withReply('list_nodes', reply, (c) => c.listNodes(3, { sinceVersion: 4 }))).toMatchObject({
      kind: 'delta',
      sinceVersion: 4,
      version: 6,
      removed: [8],
      changed: [{ nodeId: 9 }],
    });
  });

  it('keys', async () => {
    const info = {
      node_id: 7,
      created_at: '2026-01-01T00:00:00Z',
      rotated_at: '2026-02-01T00:00:00+01:00',
      expires_at: '2027-01-01T00:00:00Z',
      rotate_count: 3,
      key_age_days: 10,
    };
    expect(await withReply('get_key_info', info, (c) => c.getKeyInfo(7))).toMatchObject({
      createdAtMs: Date.UTC(2026, 0, 1),
      rotatedAtMs: Date.UTC(2026, 0, 31, 23),
      expiresAtMs: Date.UTC(2027, 0, 1),
      rotateCount: 3,
      keyAgeDays: 10,
    });
    const expiry = { node_id: 7, expires_at: '2027-01-01T00:00:00Z' };
    expect(await withReply('set_key_expiry', expiry, (c) => c.setKeyExpiry(new Date(0)))).toMatchObject({
      expiresAtMs: Date.UTC(2027, 0, 1),
    });
    expect(
      await withReply('set_key_expiry', { node_id: 7 }, (c) => c.setKeyExpiry('never')),
    ).not.toHaveProperty('expiresAtMs');
  });

  it('a new key is used from then on, and only if the registry took it', async () => {
    const reply = { node_id: 7, address: 'x', public_key: keyB.publicKeyBase64 };
    await using fake = await FakeRegistry.start(answering({ rotate_key: reply, recover_identity: reply }));
    await using client = new RegistryClient({
      address: fake.address,
      identity: keyA,
      nodeId: 7,
      encoding: 'json',
    });
    expect(await client.rotateKey(keyB)).toMatchObject({ publicKey: keyB.publicKey });
    expect(client.identity).toBe(keyB);
    await client.heartbeat().catch(() => undefined);
    expect(fake.requests[1]?.message['signature']).toBe(keyB.sign('heartbeat:7'));
    fake.script = (request, connection) => connection.refuse(request, 'signature verification failed');
    await expect(client.rotateKey(keyA)).rejects.toMatchObject({ code: 'REGISTRY_REFUSED' });
    expect(client.identity).toBe(keyB);
    fake.script = answering({ recover_identity: reply });
    await client.recoverIdentity({ nodeId: 7, statement: 's', signature: 's', newIdentity: keyA });
    expect(client.identity).toBe(keyA);
  });

  it('administration of identities', async () => {
    expect(
      await withReply('get_identity', { node_id: 7, external_id: 'a', owner: 'o' }, (c) => c.getIdentity(7)),
    ).toMatchObject({ externalId: 'a', owner: 'o' });
    expect(
      await withReply('set_external_id', { node_id: 7, external_id: 'a' }, (c) => c.setExternalId(7, 'a')),
    ).toMatchObject({ nodeId: 7, externalId: 'a' });
    expect(
      await withReply('set_identity_webhook', { status: 'disabled' }, (c) => c.setIdentityWebhook('')),
    ).toMatchObject({ status: 'disabled' });
    expect(
      await withReply('set_idp_config', { status: 'enabled', idp_type: 'oidc' }, (c) =>
        c.setIdpConfig({ type: 'oidc', url: 'https://x' }),
      ),
    ).toMatchObject({ status: 'enabled' });
    expect(await withReply('get_idp_config', { configured: false }, (c) => c.getIdpConfig())).toMatchObject({
      configured: false,
    });
    expect(
      await withReply(
        'get_idp_config',
        { configured: true, idp_type: 'oidc', url: 'u', client_id: 'c' },
        (c) => c.getIdpConfig(),
      ),
    ).toMatchObject({ configured: true, type: 'oidc', url: 'u', clientId: 'c' });
    expect(
      await withReply('submit_badge', { node_id: 7, provider: 'github' }, (c) => c.submitBadge('b', 's')),
    ).toMatchObject({ provider: 'github' });
    expect(
      await withReply('enroll_recovery', { node_id: 7 }, (c) =>
        c.enrollRecovery('pilotenroll:v1:7:g:c:1:k', 's'),
      ),
    ).toMatchObject({ nodeId: 7 });
  });

  it('the verdict on a token is a result, though it has an error', async () => {
    const no = { verified: false, error: 'invalid token: expired' };
    expect(await withReply('validate_token', no, (c) => c.validateToken('t'))).toMatchObject({
      verified: false,
      reason: 'invalid token: expired',
    });
    const yes = { verified: true, subject: 'alice', issuer: 'https://idp' };
    expect(await withReply('validate_token', yes, (c) => c.validateToken('t'))).toMatchObject({
      verified: true,
      subject: 'alice',
      issuer: 'https://idp',
    });
  });

  it('trust and networks', async () => {
    expect(await withReply('check_trust', { trusted: true }, (c) => c.checkTrust(7, 9))).toMatchObject({
      trusted: true,
    });
    expect(await withReply('report_trust', {}, (c) => c.reportTrust(9))).toHaveProperty('raw');
    expect(await withReply('revoke_trust', {}, (c) => c.revokeTrust(9))).toHaveProperty('raw');
    expect(
      await withReply('create_network', { network_id: 4, name: 'n', enterprise: true, managed: true }, (c) =>
        c.createNetwork({ name: 'n' }),
      ),
    ).toMatchObject({ networkId: 4, enterprise: true, managed: true });
    expect(
      await withReply('join_network', { network_id: 4, address: 'x', rules: { links: 10 } }, (c) =>
        c.joinNetwork(4),
      ),
    ).toMatchObject({ networkId: 4, address: 'x', rules: { links: 10 } });
    expect(await withReply('leave_network', { network_id: 4 }, (c) => c.leaveNetwork(4))).toMatchObject({
      networkId: 4,
    });
    expect(await withReply('delete_network', { network_id: 4 }, (c) => c.deleteNetwork(4))).toMatchObject({
      networkId: 4,
    });
    expect(
      await withReply('rename_network', { network_id: 4, name: 'm' }, (c) => c.renameNetwork(4, 'm')),
    ).toMatchObject({ name: 'm' });
    expect(
      await withReply('set_network_enterprise', { network_id: 4, enterprise: false }, (c) =>
        c.setNetworkEnterprise(4, false),
      ),
    ).toMatchObject({ enterprise: false });
    const networks = [
      { id: 0, name: 'backbone', join_rule: 'open', enterprise: false, created: 1_780_000_000, members: 3 },
    ];
    expect((await withReply('list_networks', { networks }, (c) => c.listNetworks())).networks).toEqual([
      {
        networkId: 0,
        name: 'backbone',
        joinRule: 'open',
        enterprise: false,
        createdAtMs: 1_780_000_000_000,
        memberCount: 3,
        managed: false,
        hasExprPolicy: false,
      },
    ]);
  });

  it('a reply without what it must have is PROTOCOL, and the connection lives on', async () => {
    await using fake = await FakeRegistry.start(
      answering({ get_key_info: {}, check_trust: { trusted: false } }),
    );
    await using client = new RegistryClient({ address: fake.address });
    await expect(client.getKeyInfo(7)).rejects.toMatchObject({
      code: 'PROTOCOL',
      message: 'get_key_info_ok has no number node_id',
    });
    expect(await client.checkTrust(7, 9)).toMatchObject({ trusted: false });
    expect(fake.connections).toBe(1);
  });
});

describe('native replies', () => {
  interface FrameVector {
    readonly name: string;
    readonly opcode: number;
    readonly payload_hex: string;
  }
  const { frames } = vectors<{ frames: readonly FrameVector[] }>('binary_frames.json');

  async function native<Result>(
    name: string,
    call: (client: RegistryClient) => Promise<Result>,
  ): Promise<Result> {
    const vector = frames.find((frame) => frame.name === name);
    await using fake = await FakeRegistry.start((_, connection) =>
      connection.native(vector?.opcode ?? 0xff, Buffer.from(vector?.payload_hex ?? '', 'hex')),
    );
    await using client = new RegistryClient({ address: fake.address, identity: keyA, nodeId: 7 });
    return await call(client);
  }

  it('lookup', async () => {
    expect(await native('lookup ok, public, all fields', (c) => c.lookup(43_981))).toEqual({
      nodeId: 43_981,
      address: '0:0000.0000.ABCD',
      networks: [0, 1, 65_535],
      publicKey: keyB.publicKey,
      hostname: 'host-example',
      tags: ['tag1', 'tag2'],
      taskExec: true,
      externalId: 'ext-id-xyz',
      visibility: 'public',
      realAddress: '203.0.113.10:4000',
      raw: { encoding: 'binary', opcode: 0x82, payload: expect.any(Uint8Array) },
    });
    const minimal = await native('lookup ok, private minimal (no networks listed, no key)', (c) =>
      c.lookup(1),
    );
    expect(minimal).toMatchObject({ visibility: 'private', tags: [], networks: [] });
    expect(minimal).not.toHaveProperty('hostname');
    expect(minimal).not.toHaveProperty('publicKey');
  });

  it('resolve', async () => {
    expect(await native('resolve ok, two lan addresses, age 12 days', (c) => c.resolve(9))).toMatchObject({
      nodeId: 9,
      realAddress: '198.51.100.4:5000',
      lanAddresses: ['192.168.1.5:4000', '[fe80::1]:4000'],
      keyAgeDays: 12,
    });
    expect(await native('resolve ok, no lan, unknown key age', (c) => c.resolve(9))).not.toHaveProperty(
      'keyAgeDays',
    );
  });

  it('heartbeat', async () => {
    expect(await native('heartbeat ok, warning', (c) => c.heartbeat())).toMatchObject({
      serverTimeMs: 1_780_000_001_000,
      keyExpiryWarning: true,
    });
  });

  it('an error of any request', async () => {
    await expect(native('error: node not found', (c) => c.lookup(9))).rejects.toThrow('node 9: not found');
    await expect(native('error: node not found', (c) => c.listNetworks())).rejects.toThrow(
      'node 9: not found',
    );
  });
});

describe('the server of February 2026', () => {
  interface Session {
    readonly session: readonly { name: string; request: Json; response_utf8: string }[];
  }
  const { session } = vectors<Session>('legacy_session.json');

  /** Replays the recorded reply to the request of this name. */
  async function replay<Result>(
    name: string,
    call: (client: RegistryClient) => Promise<Result>,
  ): Promise<Result> {
    const recorded = session.find((one) => one.name === name);
    const reply = JSON.parse(recorded?.response_utf8 ?? '{}') as Json;
    await using fake = await FakeRegistry.start((_, connection) => connection.answer(reply));
    await using client = new RegistryClient({
      address: fake.address,
      encoding: 'json',
      identity: keyA,
      nodeId: 1,
    });
    return await call(client);
  }

  it('is understood', async () => {
    expect(
      await replay('register A (public address claimed, source is loopback)', (c) => c.register()),
    ).toMatchObject({
      nodeId: 1,
      hostname: { kind: 'set', hostname: 'alpha' },
    });
    expect(await replay('register C, bad hostname', (c) => c.register())).toMatchObject({
      hostname: { kind: 'refused' },
    });
    expect(await replay('lookup 1 (public)', (c) => c.lookup(1))).toMatchObject({
      visibility: 'public',
      realAddress: '127.0.0.1:4001',
      tags: [],
    });
    expect(await replay('lookup 1 (private)', (c) => c.lookup(1))).toMatchObject({ visibility: 'private' });
    expect(await replay('resolve public 1 by 2', (c) => c.resolve(2))).toMatchObject({
      realAddress: '127.0.0.1:4001',
    });
    expect(await replay('set_tags null clears', (c) => c.setTags(null))).toMatchObject({ tags: [] });
    expect(await replay('heartbeat 1', (c) => c.heartbeat())).toMatchObject({ keyExpiryWarning: false });
    expect((await replay('list_networks', (c) => c.listNetworks())).networks).toMatchObject([
      { networkId: 0, name: 'backbone', memberCount: 3 },
    ]);
    expect(await replay('poll_handshakes 2', (c) => c.send('poll_handshakes', { node_id: 1 }))).toMatchObject(
      {
        requests: [{ from_node_id: 1 }],
      },
    );
  });

  it('is understood when it refuses', async () => {
    await expect(replay('lookup unknown', (c) => c.lookup(99))).rejects.toMatchObject({
      code: 'REGISTRY_REFUSED',
      details: { refusal: { text: 'request failed', code: undefined } },
    });
  });
});
