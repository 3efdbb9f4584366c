import { requestSignatureText, verifySignature } from '@muster/core/identity';
import { describe, expect, it } from 'vitest';
import { RegistryClient } from '../src/index.ts';
import { FakeRegistry, type FakeRequest } from './fake-registry.ts';
import { keyA } from './vectors.ts';

/** What a client that signs with v2 sends for these calls. */
async function requestsOf(
  call: (client: RegistryClient) => Promise<unknown>,
  options: object = {},
): Promise<readonly FakeRequest[]> {
  await using fake = await FakeRegistry.start((request, connection) =>
    connection.refuse(request, 'request failed'),
  );
  await using client = new RegistryClient({
    address: fake.address,
    identity: keyA,
    nodeId: 7,
    signatures: 'v2',
    ...options,
  });
  await call(client).catch(() => undefined);
  return fake.requests;
}

const calls: Readonly<Record<string, (client: RegistryClient) => Promise<unknown>>> = {
  register: (c) => c.register({ listenAddress: ':4000', hostname: 'alpha' }),
  heartbeat: (c) => c.heartbeat(),
  resolve: (c) => c.resolve(9),
  set_tags: (c) => c.setTags(['gpu']),
  rename_network: (c) => c.renameNetwork(3, 'new'),
  kick_member: (c) =>
    c.send('kick_member', { network_id: 3, node_id: 7, target_node_id: 9 }, { authorization: 'role' }),
  resolve_hostname: (c) => c.resolveHostname('beta'),
};

describe('signatures v2', () => {
  it.each(Object.keys(calls))('%s: covers the whole request, and nothing else is signed', async (type) => {
    for (const encoding of ['binary', 'json'] as const) {
      const requests = await requestsOf(calls[type] ?? (async () => undefined), { encoding });
      expect(requests).toHaveLength(1);
      const message = requests[0]?.message ?? {};
      expect(message['type']).toBe(type);
      expect(message).not.toHaveProperty('signature');
      const text = requestSignatureText(message);
      expect(text).toContain(`pilot-reg-v2|${type}|${type === 'register' ? 0 : 7}|`);
      expect(Math.abs(Number(message['ts']) - Date.now() / 1000)).toBeLessThan(60);
      const signature = Buffer.from(String(message['signature_v2']), 'base64');
      expect(verifySignature(keyA.publicKey, text, signature)).toBe(true);
    }
  });

  it('a repeated request is signed anew', async () => {
    await using fake = await FakeRegistry.start((request, connection) => {
      if (request.connection === 1) connection.socket.destroy();
      else connection.answer({ type: 'heartbeat_ok', time: 1 });
    });
    await using client = new RegistryClient({
      address: fake.address,
      identity: keyA,
      nodeId: 7,
      signatures: 'v2',
      reconnect: { baseDelayMs: 1 },
    });
    expect(await client.heartbeat()).toMatchObject({ serverTimeMs: 1000 });
    const nonces = fake.requests.map(({ message }) => message['nonce']);
    expect(new Set(nonces).size).toBe(2);
  });

  it('what needs no signature stays as it is, native forms included', async () => {
    const [lookup] = await requestsOf((c) => c.lookup(9));
    expect(lookup?.opcode).toBe(2);
    const [admin] = await requestsOf((c) => c.renameNetwork(3, 'new', { adminToken: 'adm' }));
    expect(admin?.message).toEqual({
      type: 'rename_network',
      network_id: 3,
      name: 'new',
      admin_token: 'adm',
    });
  });
});
