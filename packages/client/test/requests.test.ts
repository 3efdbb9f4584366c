import { describe, expect, it } from 'vitest';
import { type RegistryClientOptions, RegistryClient } from '../src/index.ts';
import { FakeRegistry } from './fake-registry.ts';
import { keyA, keyB, vectors } from './vectors.ts';

interface RequestVectors {
  readonly binary: readonly { client_method: string; frame_hex: string }[];
  readonly json: readonly { client_method: string; frame_hex: string; message: Record<string, unknown> }[];
}

const reference = vectors<RequestVectors>('client_requests.json');
type Client = RegistryClient;

/** What a client is when it makes a call: node 7 with key A unless a row says otherwise. */
const node7 = { identity: keyA, nodeId: 7 } as const;
const node9 = { identity: keyA, nodeId: 9 } as const;
const admin = { adminToken: 'adm' } as const;
const admin7 = { adminToken: 'adm', nodeId: 7 } as const;

const badge = reference.json.find((one) => one.client_method === 'SubmitBadge')?.message ?? {};
const enrolment = reference.json.find((one) => one.client_method === 'EnrollRecovery')?.message ?? {};
const recovery = reference.json.find((one) => one.client_method === 'RecoverIdentity')?.message ?? {};
const policy = reference.json.find((one) => one.client_method === 'SetExprPolicy')?.message ?? {};
const rules = reference.json.find((one) => one.client_method === 'CreateManagedNetwork')?.message ?? {};

/** The typed call for each method of the reference client. */
const TYPED: Readonly<
  Record<string, readonly [Partial<RegistryClientOptions>, (client: Client) => Promise<unknown>]>
> = {
  RegisterWithKey: [
    { identity: keyA },
    (c) =>
      c.register({
        listenAddress: '203.0.113.10:4000',
        owner: 'alice@example.com',
        lanAddresses: ['192.168.1.5:4000'],
        version: 'v1.13.3',
      }),
  ],
  'RegisterWithKeyOpts (all)': [
    { identity: keyA },
    (c) =>
      c.register({
        listenAddress: ':4000',
        owner: 'alice@example.com',
        lanAddresses: ['192.168.1.5:4000', '10.0.0.5:4000'],
        version: 'v1.13.3',
        relayOnly: true,
      }),
  ],
  'RegisterWithKeyOpts (minimal)': [{ identity: keyA }, (c) => c.register()],
  'RegisterWithKey (no signer configured)': [
    {},
    (c) => c.register({ listenAddress: '203.0.113.10:4000', publicKeyBase64: keyA.publicKeyBase64 }),
  ],
  RotateKey: [node7, (c) => c.rotateKey(keyB)],
  SubmitBadge: [node7, (c) => c.submitBadge(String(badge['badge']), String(badge['badge_sig']))],
  EnrollRecovery: [
    node7,
    (c) => c.enrollRecovery(String(enrolment['enrollment']), String(enrolment['enrollment_sig'])),
  ],
  RecoverIdentity: [
    {},
    (c) =>
      c.recoverIdentity({
        nodeId: 7,
        statement: String(recovery['recovery']),
        signature: String(recovery['recovery_sig']),
        newIdentity: keyB,
      }),
  ],
  Lookup: [node7, (c) => c.lookup(9)],
  Resolve: [node7, (c) => c.resolve(9)],
  ResolveHostname: [{}, (c) => c.resolveHostname('alpha')],
  ResolveHostnameAs: [{}, (c) => c.resolveHostname('alpha', { nodeId: 7 })],
  ReportTrust: [node7, (c) => c.reportTrust(9)],
  RevokeTrust: [node7, (c) => c.revokeTrust(9)],
  CheckTrust: [node7, (c) => c.checkTrust(7, 9)],
  SetVisibility: [node7, (c) => c.setVisibility('public')],
  SetVisibilityAdmin: [admin, (c) => c.setVisibility('private', { nodeId: 7 })],
  SetHostname: [node7, (c) => c.setHostname('alpha')],
  'SetHostname (clear)': [node7, (c) => c.setHostname('')],
  SetHostnameAdmin: [admin7, (c) => c.setHostname('alpha')],
  SetTags: [node7, (c) => c.setTags(['gpu', 'eu-west'])],
  'SetTags (nil slice)': [node7, (c) => c.setTags(null)],
  SetTagsAdmin: [admin7, (c) => c.setTags([])],
  CreateNetwork: [admin7, (c) => c.createNetwork({ name: 'acme' })],
  'CreateNetwork (enterprise, network admin token)': [
    admin,
    (c) =>
      c.createNetwork({
        name: 'acme',
        nodeId: 7,
        joinRule: 'invite',
        networkAdminToken: 'netadm',
        enterprise: true,
      }),
  ],
  CreateManagedNetwork: [
    admin7,
    (c) =>
      c.createNetwork({ name: 'managed', joinRule: 'token', token: 's3cret', rules: String(rules['rules']) }),
  ],
  'JoinNetwork (signer set)': [node9, (c) => c.joinNetwork(3, { token: 's3cret' })],
  LeaveNetwork: [node9, (c) => c.leaveNetwork(3)],
  DeleteNetwork: [admin, (c) => c.deleteNetwork(3)],
  'DeleteNetwork (as node)': [{ nodeId: 7 }, (c) => c.deleteNetwork(3)],
  RenameNetwork: [admin, (c) => c.renameNetwork(3, 'acme-2', { nodeId: 7 })],
  SetNetworkEnterprise: [admin, (c) => c.setNetworkEnterprise(3, true)],
  ListNetworks: [{ ...node7, ...admin }, (c) => c.listNetworks()],
  'ListNetworks (admin)': [admin, (c) => c.listNetworks({ asAdministrator: true })],
  ListNodes: [{ ...node7, ...admin }, (c) => c.listNodes(3)],
  'ListNodes (admin, backbone)': [admin, (c) => c.listNodes(0)],
  Deregister: [node7, (c) => c.deregister()],
  DeregisterAdmin: [admin, (c) => c.deregister({ nodeId: 7 })],
  Heartbeat: [node7, (c) => c.heartbeat()],
  Punch: [node7, (c) => c.punch(7, 9)],
  SetKeyExpiry: [node7, (c) => c.setKeyExpiry(new Date('2027-01-01T00:00:00Z'))],
  SetKeyExpiryAdmin: [admin7, (c) => c.setKeyExpiry(new Date('2027-01-01T00:00:00Z'))],
  ClearKeyExpiryAdmin: [admin, (c) => c.setKeyExpiry('never', { nodeId: 7 })],
  GetKeyInfo: [{}, (c) => c.getKeyInfo(7)],
  SetIdentityWebhook: [admin, (c) => c.setIdentityWebhook('https://id.example.com/v')],
  SetExternalID: [admin, (c) => c.setExternalId(7, 'alice@example.com')],
  GetIdentity: [{}, (c) => c.getIdentity(7, { adminToken: 'adm' })],
  SetIDPConfig: [
    admin,
    (c) =>
      c.setIdpConfig({
        type: 'oidc',
        url: 'https://idp.example.com/jwks',
        issuer: 'https://idp.example.com',
        clientId: 'client-1',
      }),
  ],
  GetIDPConfig: [admin, (c) => c.getIdpConfig()],
  ValidateToken: [admin, (c) => c.validateToken('a.b.c')],
};

/** Types that the client signs by itself when they are sent untyped. */
const SIGNED_UNTYPED = [
  'PollHandshakes',
  'RequestHandshake',
  'InviteToNetwork',
  'PollInvites',
  'RespondInvite',
];

/** Does the call against a server that refuses it, and gives back the frames that it got. */
async function framesOf(
  options: Partial<RegistryClientOptions>,
  call: (client: Client) => Promise<unknown>,
): Promise<string[]> {
  await using fake = await FakeRegistry.start((request, connection) =>
    connection.refuse(request, 'request failed'),
  );
  await using client = new RegistryClient({ address: fake.address, ...options });
  await expect(call(client)).rejects.toMatchObject({ code: 'REGISTRY_REFUSED' });
  return fake.requests.map((request) => request.frame.toString('hex'));
}

const vectorOf = (method: string): { frame_hex: string; message: Record<string, unknown> } => {
  const found = reference.json.find((one) => one.client_method === method);
  if (found === undefined) throw new Error(`no vector ${method}`);
  return found;
};

describe('requests are those of the reference client, byte for byte', () => {
  it.each(Object.keys(TYPED))('%s', async (method) => {
    const [options, call] = TYPED[method] ?? [{}, async () => undefined];
    expect(await framesOf({ encoding: 'json', ...options }, call)).toEqual([vectorOf(method).frame_hex]);
  });

  it('every other one by send()', async () => {
    for (const { client_method: method, frame_hex, message } of reference.json) {
      const { type, ...fields } = message;
      const frames = await framesOf({ encoding: 'json' }, (c) => c.send(String(type), fields));
      expect(frames, method).toEqual([frame_hex]);
    }
  });

  it.each(SIGNED_UNTYPED)('%s by send(), signed by the client', async (method) => {
    const { frame_hex, message } = vectorOf(method);
    const { type, signature: _, ...fields } = message;
    const acting = fields['from_node_id'] ?? fields['inviter_id'] ?? fields['node_id'];
    const options = { encoding: 'json', identity: keyA, nodeId: Number(acting) } as const;
    expect(await framesOf(options, (c) => c.send(String(type), fields))).toEqual([frame_hex]);
  });

  it('in binary encoding, native where there is a native form', async () => {
    const calls: Readonly<Record<string, (client: Client) => Promise<unknown>>> = {
      'Heartbeat(7)': (c) => c.heartbeat(),
      'Lookup(9)': (c) => c.lookup(9),
      'Resolve(9,7)': (c) => c.resolve(9),
      'SendJSON({type:list_networks})': (c) => c.listNetworks(),
    };
    expect(reference.binary).toHaveLength(Object.keys(calls).length);
    for (const { client_method, frame_hex } of reference.binary) {
      const call = calls[client_method] ?? (async () => undefined);
      expect(await framesOf(node7, call), client_method).toEqual([frame_hex]);
    }
  });

  it('policies as objects are sent as objects', async () => {
    const exprPolicy = JSON.parse(String(policy['expr_policy'])) as object;
    const [frame = ''] = await framesOf({ ...admin7, encoding: 'json' }, (c) =>
      c.createNetwork({ name: 'n', exprPolicy }),
    );
    expect(JSON.parse(Buffer.from(frame, 'hex').subarray(4).toString())).toMatchObject({
      expr_policy: exprPolicy,
    });
  });
});

describe('credentials', () => {
  it('a name is asked for as oneself, with proof, when the client has an identity', async () => {
    const [frame = ''] = await framesOf({ ...node7, encoding: 'json' }, (c) => c.resolveHostname('beta'));
    expect(JSON.parse(Buffer.from(frame, 'hex').subarray(4).toString())).toEqual({
      type: 'resolve_hostname',
      hostname: 'beta',
      requester_id: 7,
      signature: keyA.sign('resolve_hostname:7'),
    });
  });

  it('a member who acts by role proves first, on the same connection, that it is that member', async () => {
    for (const encoding of ['binary', 'json'] as const) {
      const frames = await framesOf({ ...node7, encoding }, (c) => c.renameNetwork(3, 'new'));
      const [heartbeat, rename] = frames;
      expect(frames).toHaveLength(2);
      const vector = encoding === 'binary' ? reference.binary[0] : vectorOf('Heartbeat');
      expect(heartbeat).toBe(vector?.frame_hex);
      expect(Buffer.from(rename ?? '', 'hex').toString()).toContain('"name":"new"');
    }
  });

  it('strict directory mode signs what it must', async () => {
    const strict = { ...node7, encoding: 'json', strict: { directory: true } } as const;
    const signed: readonly [string, (client: Client) => Promise<unknown>][] = [
      ['lookup:7:9', (c) => c.lookup(9)],
      ['list_nodes:7:3', (c) => c.listNodes(3)],
      ['list_networks:7', (c) => c.listNetworks()],
      ['check_trust:7:9', (c) => c.checkTrust(7, 9)],
    ];
    for (const [challenge, call] of signed) {
      const [frame = ''] = await framesOf(strict, call);
      expect(JSON.parse(Buffer.from(frame, 'hex').subarray(4).toString())).toMatchObject({
        requester_id: 7,
        signature: keyA.sign(challenge),
      });
    }
  });

  it('strict heartbeats carry a time, strict expiries are bound', async () => {
    const now = Date.now() / 1000;
    const [beat = ''] = await framesOf({ ...node7, strict: { heartbeats: true } }, (c) => c.heartbeat());
    const message = JSON.parse(Buffer.from(beat, 'hex').subarray(5).toString()) as {
      ts: number;
      signature: string;
    };
    expect(Math.abs(message.ts - now)).toBeLessThan(60);
    expect(message.signature).toBe(keyA.sign(`heartbeat:7:${message.ts}`));
    const [expiry = ''] = await framesOf({ ...node7, strict: { keyExpiry: true } }, (c) =>
      c.setKeyExpiry(new Date('2027-01-01T00:00:00Z')),
    );
    expect(Buffer.from(expiry, 'hex').toString()).toContain(
      keyA.sign('set_key_expiry:7:2027-01-01T00:00:00Z'),
    );
  });

  it('are missing locally rather than refused remotely', async () => {
    const missing: readonly [Partial<RegistryClientOptions>, (client: Client) => Promise<unknown>][] = [
      [{}, (c) => c.heartbeat()],
      [{ nodeId: 7 }, (c) => c.heartbeat()],
      [node7, (c) => c.heartbeat({ nodeId: 8 })],
      [{}, (c) => c.register()],
      [{}, (c) => c.getIdentity(7)],
      [{}, (c) => c.listNodes(0)],
      [node7, (c) => c.setTags([], { nodeId: 8 })],
      [{}, (c) => c.deleteNetwork(3)],
    ];
    await using fake = await FakeRegistry.start((request, connection) =>
      connection.refuse(request, 'request failed'),
    );
    for (const [options, call] of missing) {
      await using client = new RegistryClient({ address: fake.address, ...options });
      await expect(call(client)).rejects.toMatchObject({ code: 'CREDENTIAL_MISSING' });
    }
    expect(fake.requests).toHaveLength(0);
  });

  it('the admin token goes only where it is needed', async () => {
    await using fake = await FakeRegistry.start((request, connection) =>
      connection.refuse(request, 'request failed'),
    );
    await using client = new RegistryClient({ address: fake.address, ...node7, ...admin });
    const calls = [
      client.lookup(9),
      client.listNodes(3),
      client.listNetworks(),
      client.setTags([]),
      client.heartbeat(),
      client.joinNetwork(3),
      client.checkTrust(7, 9),
      client.send('poll_invites', { node_id: 7 }),
    ];
    await Promise.allSettled(calls);
    expect(fake.requests).toHaveLength(calls.length);
    for (const { frame } of fake.requests) expect(frame.toString()).not.toContain('adm');
  });
});

describe('arguments that the registry would misread', () => {
  it.each([0, -1, 1.5, 2 ** 32, Number.NaN])('node id %s', async (nodeId) => {
    const client = new RegistryClient({ address: '127.0.0.1:1', identity: keyA, nodeId: 7 });
    const invalid = { code: 'REQUEST_INVALID' };
    await expect(client.lookup(nodeId)).rejects.toMatchObject(invalid);
    await expect(client.resolve(nodeId)).rejects.toMatchObject(invalid);
    await expect(client.heartbeat({ nodeId })).rejects.toMatchObject(invalid);
    await expect(client.punch(7, nodeId)).rejects.toMatchObject(invalid);
    await expect(client.reportTrust(nodeId)).rejects.toMatchObject(invalid);
  });

  it('others', async () => {
    const client = new RegistryClient({
      address: '127.0.0.1:1',
      identity: keyA,
      nodeId: 7,
      adminToken: 'adm',
    });
    const invalid = { code: 'REQUEST_INVALID' };
    await expect(client.joinNetwork(65_536)).rejects.toMatchObject(invalid);
    await expect(client.listNodes(3, { pageSize: 5, sinceVersion: 1 } as never)).rejects.toMatchObject(
      invalid,
    );
    await expect(client.setKeyExpiry(new Date('nonsense'))).rejects.toMatchObject(invalid);
    await expect(client.resolveHostname('')).rejects.toMatchObject(invalid);
    await expect(client.createNetwork({ name: '' })).rejects.toMatchObject(invalid);
    await expect(client.send('subscribe_replication')).rejects.toMatchObject(invalid);
    await expect(client.send('lookup', { type: 'x' })).rejects.toMatchObject(invalid);
    await expect(
      client.send('nonsense', { node_id: 7 }, { authorization: 'signature' }),
    ).rejects.toMatchObject(invalid);
    await expect(client.send('x', { when: Number.NaN })).rejects.toMatchObject(invalid);
    await client.close();
  });
});
