import { describe, expect, it } from 'vitest';
import { RegistryClient } from '../src/index.ts';
import { answering, FakeRegistry } from './fake-registry.ts';
import { selfSigned } from './self-signed.ts';

const ours = selfSigned(1);
const other = selfSigned(2);
const script = answering({ get_key_info: { node_id: 7 } });
const serve = async (): Promise<FakeRegistry> => await FakeRegistry.start(script, { tls: ours });

describe('TLS', () => {
  it('with the right pin, in either case, in both encodings', async () => {
    await using fake = await serve();
    for (const encoding of ['binary', 'json'] as const) {
      for (const pin of [ours.pin, ours.pin.toUpperCase()]) {
        await using client = new RegistryClient({ address: fake.address, encoding, tls: { pin } });
        expect(await client.getKeyInfo(7)).toMatchObject({ nodeId: 7 });
      }
    }
  });

  it('with another pin, at once and without a byte of the protocol', async () => {
    await using fake = await serve();
    await using client = new RegistryClient({ address: fake.address, tls: { pin: other.pin } });
    await expect(client.getKeyInfo(7)).rejects.toMatchObject({
      code: 'PIN_MISMATCH',
      details: { pinned: other.pin, found: ours.pin },
    });
    expect(fake.requests).toHaveLength(0);
    expect(client.stats.opened).toBe(0);
  });

  it('with the certificate as authority, and its name', async () => {
    await using fake = await serve();
    await using client = new RegistryClient({
      address: fake.address,
      tls: { ca: ours.cert, servername: 'localhost' },
    });
    expect(await client.getKeyInfo(7)).toMatchObject({ nodeId: 7 });
  });

  it.each([
    ['an untrusted certificate', () => ({})],
    ['another authority', () => ({ ca: other.cert, servername: 'localhost' })],
    ['another name', () => ({ ca: ours.cert, servername: 'registry.example.com' })],
    [
      'the right pin, but another authority',
      () => ({ ca: other.cert, pin: ours.pin, servername: 'localhost' }),
    ],
  ])('not with %s', async (_, tls) => {
    await using fake = await serve();
    await using client = new RegistryClient({ address: fake.address, tls: tls() });
    await expect(client.getKeyInfo(7)).rejects.toMatchObject({ code: 'TLS_FAILED' });
    expect(fake.requests).toHaveLength(0);
  });

  it('not with the right authority, but another pin', async () => {
    await using fake = await serve();
    await using client = new RegistryClient({
      address: fake.address,
      tls: { ca: ours.cert, pin: other.pin, servername: 'localhost' },
    });
    await expect(client.getKeyInfo(7)).rejects.toMatchObject({ code: 'PIN_MISMATCH' });
  });

  it('not with a server that speaks none', async () => {
    await using fake = await FakeRegistry.start((_, connection) => void connection.socket.write('what?'));
    await using client = new RegistryClient({
      address: fake.address,
      tls: { pin: ours.pin },
      connectTimeoutMs: 200,
      reconnect: { maxAttempts: 1 },
    });
    await expect(client.getKeyInfo(7)).rejects.toMatchObject({
      code: expect.stringMatching(/^(TLS|CONNECT)_FAILED$/),
    });
  });

  it('a client without TLS at a server with it gets an error, not silence', async () => {
    await using fake = await serve();
    await using client = new RegistryClient({
      address: fake.address,
      reconnect: { baseDelayMs: 1, maxDelayMs: 2 },
    });
    await expect(client.getKeyInfo(7)).rejects.toMatchObject({
      code: expect.stringMatching(/^(PROTOCOL|CONNECTION_LOST)$/),
    });
  });
});
