import { once } from 'node:events';
import { connect } from 'node:net';
import { seededRandom } from '@muster/core/testing';
import { describe, expect, it, vi } from 'vitest';
import { clientErrors, isTransient, RegistryClient, refusalOf } from '../src/index.ts';
import { answering, binaryFrame, FakeRegistry, type Script } from './fake-registry.ts';
import { keyA } from './vectors.ts';

const encodings = ['binary', 'json'] as const;

/** Answers get_key_info with the id that was asked for. */
const echo: Script = ({ message }, connection) => {
  connection.answer({ type: `${String(message['type'])}_ok`, node_id: message['node_id'], rotate_count: 0 });
};

/** Back-off so short that tests don't notice it. */
const quick = { reconnect: { baseDelayMs: 1, maxDelayMs: 5 } } as const;

describe.each(encodings)('a connection, %s', (encoding) => {
  it('takes replies that come byte by byte', async () => {
    await using fake = await FakeRegistry.start(async ({ message }, connection) => {
      const frame = connection.frameOf({
        type: 'get_key_info_ok',
        node_id: message['node_id'],
        rotate_count: 3,
        note: 'é',
      });
      for (const byte of frame) {
        connection.socket.write(Buffer.of(byte));
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
    await using client = new RegistryClient({ address: fake.address, encoding });
    expect(await client.getKeyInfo(7)).toMatchObject({ nodeId: 7, rotateCount: 3 });
  });

  it('takes many replies in one piece', async () => {
    const waiting: Buffer[] = [];
    await using fake = await FakeRegistry.start(({ message }, connection) => {
      waiting.push(connection.frameOf({ type: 'get_key_info_ok', node_id: message['node_id'] }));
      if (waiting.length === 20) connection.socket.write(Buffer.concat(waiting));
    });
    await using client = new RegistryClient({ address: fake.address, encoding, poolSize: 1 });
    const results = await Promise.all(Array.from({ length: 20 }, (_, index) => client.getKeyInfo(index + 1)));
    expect(results.map((result) => result.nodeId)).toEqual(
      Array.from({ length: 20 }, (_, index) => index + 1),
    );
    expect(fake.connections).toBe(1);
  });

  it('keeps replies and requests together over many connections', async () => {
    await using fake = await FakeRegistry.start(async (request, connection) => {
      await new Promise((resolve) => setImmediate(resolve));
      await echo(request, connection);
    });
    await using client = new RegistryClient({
      address: fake.address,
      encoding,
      poolSize: 4,
      maxPipelined: 8,
    });
    const ids = Array.from({ length: 300 }, (_, index) => index + 1);
    const results = await Promise.all(ids.map((id) => client.getKeyInfo(id)));
    expect(results.map((result) => result.nodeId)).toEqual(ids);
    expect(fake.connections).toBeLessThanOrEqual(4);
  });

  it('is replaced when the server ends it in the middle of a reply', async () => {
    await using fake = await FakeRegistry.start((request, connection) => {
      if (request.connection > 1) {
        void echo(request, connection);
        return;
      }
      const frame = connection.frameOf({ type: 'get_key_info_ok', node_id: 7 });
      connection.socket.write(frame.subarray(0, frame.length - 3), () => connection.socket.destroy());
    });
    await using client = new RegistryClient({ address: fake.address, encoding, ...quick });
    expect(await client.getKeyInfo(7)).toMatchObject({ nodeId: 7 });
    expect(client.stats).toMatchObject({ opened: 2, repeated: 1 });
  });

  it('loses what must not be repeated', async () => {
    await using fake = await FakeRegistry.start((_, connection) => void connection.socket.destroy());
    await using client = new RegistryClient({
      address: fake.address,
      encoding,
      adminToken: 'adm',
      nodeId: 7,
      ...quick,
    });
    await expect(client.createNetwork({ name: 'acme' })).rejects.toMatchObject({
      code: 'CONNECTION_LOST',
      details: { requestType: 'create_network', sent: true },
    });
    expect(fake.requests).toHaveLength(1);
  });

  it('is given up when the server stays silent', async () => {
    await using fake = await FakeRegistry.start(() => undefined);
    await using client = new RegistryClient({
      address: fake.address,
      encoding,
      requestTimeoutMs: 60,
      ...quick,
    });
    const error = await client.getKeyInfo(7).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'TIMEOUT', details: { sent: true } });
    expect(isTransient(error)).toBe(true);
    await vi.waitFor(() => expect(fake.openConnections).toBe(0));
    fake.script = echo;
    expect(await client.getKeyInfo(8)).toMatchObject({ nodeId: 8 });
  });

  it('never hands a late reply to the next request', async () => {
    let release: () => void = () => undefined;
    await using fake = await FakeRegistry.start((request, connection) => {
      if (request.message['node_id'] === 1) release = () => void echo(request, connection);
      else void echo(request, connection);
    });
    await using client = new RegistryClient({ address: fake.address, encoding, poolSize: 1, ...quick });
    await expect(client.getKeyInfo(1, { timeoutMs: 50 })).rejects.toMatchObject({ code: 'TIMEOUT' });
    const next = client.getKeyInfo(2);
    release();
    expect(await next).toMatchObject({ nodeId: 2 });
  });

  it.each([
    ['bytes of another protocol', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['an empty frame', Buffer.alloc(4)],
    ['a frame that is no JSON object', binaryFrame(0, Buffer.from('[1]'))],
  ])('refuses %s', async (_, bytes) => {
    await using fake = await FakeRegistry.start(
      (_request, connection) => void connection.socket.write(bytes),
    );
    await using client = new RegistryClient({ address: fake.address, encoding, ...quick });
    await expect(client.getKeyInfo(7)).rejects.toMatchObject({ code: 'PROTOCOL' });
    await vi.waitFor(() => expect(client.stats.connections).toBe(0));
  });

  it('refuses a reply of another kind, and what comes unasked', async () => {
    await using fake = await FakeRegistry.start((_, connection) =>
      connection.answer({ type: 'lookup_ok', node_id: 7 }),
    );
    await using client = new RegistryClient({ address: fake.address, encoding, ...quick });
    await expect(client.getKeyInfo(7)).rejects.toMatchObject({ code: 'PROTOCOL' });
    fake.script = ({ message }, connection) => {
      const frame = connection.frameOf({ type: 'get_key_info_ok', node_id: message['node_id'] });
      connection.socket.write(Buffer.concat([frame, frame]));
    };
    expect(await client.getKeyInfo(8)).toMatchObject({ nodeId: 8 });
    await vi.waitFor(() => expect(client.stats.connections).toBe(0));
  });

  it('refuses a reply that is too large, and lives on', async () => {
    await using fake = await FakeRegistry.start((request, connection) => {
      if (request.connection === 1)
        connection.answer({ type: 'get_key_info_ok', node_id: 7, pad: 'x'.repeat(5000) });
      else void echo(request, connection);
    });
    await using client = new RegistryClient({
      address: fake.address,
      encoding,
      poolSize: 1,
      maxReplyBytes: 4096,
      ...quick,
    });
    await expect(client.getKeyInfo(7)).rejects.toMatchObject({ code: 'REPLY_TOO_LARGE' });
    expect(await client.getKeyInfo(8)).toMatchObject({ nodeId: 8 });
  });

  it('survives a storm of disconnections', async () => {
    const random = seededRandom(7);
    await using fake = await FakeRegistry.start((request, connection) => {
      if (random.integer(3) === 0) connection.socket.destroy();
      else void echo(request, connection);
    });
    await using client = new RegistryClient({
      address: fake.address,
      encoding,
      poolSize: 3,
      maxPipelined: 2,
      maxRepeats: 50,
      ...quick,
    });
    const ids = Array.from({ length: 120 }, (_, index) => index + 1);
    const results = await Promise.all(ids.map((id) => client.getKeyInfo(id)));
    expect(results.map((result) => result.nodeId)).toEqual(ids);
    expect(client.stats.opened).toBeGreaterThan(10);
  });

  it('comes back after the server was away', async () => {
    const fake = await FakeRegistry.start(echo);
    const { port } = fake;
    await using client = new RegistryClient({
      host: '127.0.0.1',
      port,
      encoding,
      reconnect: { baseDelayMs: 1, maxDelayMs: 20, maxAttempts: 10_000 },
    });
    await client.getKeyInfo(1);
    await fake[Symbol.asyncDispose]();
    const waiting = Array.from({ length: 50 }, (_, index) => client.getKeyInfo(index + 1));
    await using again = await FakeRegistry.start(echo, { port });
    expect(await Promise.all(waiting)).toHaveLength(50);
    expect(again.connections).toBeGreaterThan(0);
  });

  it('aborts one call and not the others', async () => {
    const held: (() => void)[] = [];
    await using fake = await FakeRegistry.start((request, connection) => {
      held.push(() => void echo(request, connection));
    });
    await using client = new RegistryClient({ address: fake.address, encoding, poolSize: 1 });
    const controller = new AbortController();
    const first = client.getKeyInfo(1, { signal: controller.signal });
    const second = client.getKeyInfo(2);
    await vi.waitFor(() => expect(held).toHaveLength(2));
    controller.abort(new Error('enough'));
    await expect(first).rejects.toMatchObject({
      code: 'ABORTED',
      details: { sent: true },
      cause: { message: 'enough' },
    });
    for (const answer of held) answer();
    expect(await second).toMatchObject({ nodeId: 2 });
    await expect(client.getKeyInfo(3, { signal: controller.signal })).rejects.toMatchObject({
      code: 'ABORTED',
      details: { sent: false },
    });
  });

  it('closes when it was idle for long, and the next call opens another', async () => {
    await using fake = await FakeRegistry.start(echo);
    await using client = new RegistryClient({ address: fake.address, encoding, idleTimeoutMs: 30 });
    await client.getKeyInfo(1);
    await vi.waitFor(() => expect(fake.openConnections).toBe(0));
    await client.getKeyInfo(2);
    expect(fake.connections).toBe(2);
  });

  it('is not noticed when the server closes it while it is idle', async () => {
    await using fake = await FakeRegistry.start(echo);
    await using client = new RegistryClient({
      address: fake.address,
      encoding,
      nodeId: 7,
      adminToken: 'adm',
    });
    await client.getKeyInfo(1);
    fake.dropConnections();
    await vi.waitFor(() => expect(client.stats.connections).toBe(0));
    fake.script = answering({ create_network: { network_id: 4, name: 'acme' } });
    expect(await client.createNetwork({ name: 'acme' })).toMatchObject({ networkId: 4 });
  });

  it('close() rejects what is under way, may be called twice, and leaves nothing open', async () => {
    await using fake = await FakeRegistry.start(() => undefined);
    const client = new RegistryClient({ address: fake.address, encoding });
    const calls = [client.getKeyInfo(1), client.lookup(2), client.listNetworks()];
    const outcomes = Promise.allSettled(calls);
    await vi.waitFor(() => expect(fake.requests.length).toBe(3));
    await Promise.all([client.close(), client.close()]);
    for (const outcome of await outcomes)
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'CLOSED' } });
    await expect(client.lookup(1)).rejects.toMatchObject({ code: 'CLOSED' });
    await vi.waitFor(() => expect(fake.openConnections).toBe(0));
  });
});

describe('connecting', () => {
  it('fails with the cause when nobody listens', async () => {
    const fake = await FakeRegistry.start(() => undefined);
    const { address } = fake;
    await fake[Symbol.asyncDispose]();
    await using client = new RegistryClient({ address, reconnect: { baseDelayMs: 1, maxAttempts: 2 } });
    await expect(client.lookup(1)).rejects.toMatchObject({
      code: 'CONNECT_FAILED',
      cause: { code: 'ECONNREFUSED' },
    });
  });

  it('fails when the name is unknown', async () => {
    await using client = new RegistryClient({ host: 'no-such-host.invalid', reconnect: { maxAttempts: 1 } });
    await expect(client.lookup(1)).rejects.toMatchObject({ code: 'CONNECT_FAILED' });
  });

  it('close() while connecting', async () => {
    // A reserved address that nobody answers for, or that the host refuses at once.
    const client = new RegistryClient({ address: '192.0.2.1:9000', reconnect: { maxAttempts: 1 } });
    const call = client.lookup(1).catch((error: unknown) => error);
    await client.close();
    expect(await call).toMatchObject({ code: expect.stringMatching(/^(CLOSED|CONNECT_FAILED)$/) });
  });

  it('a server that knows no binary protocol is told apart by its hint', async () => {
    await using fake = await FakeRegistry.start((_, connection) => void connection.socket.destroy());
    await using client = new RegistryClient({ address: fake.address, ...quick });
    await expect(client.lookup(1)).rejects.toMatchObject({
      code: 'CONNECTION_LOST',
      hint: clientErrors.definitions.CONNECTION_LOST.hint,
    });
  });
});

describe('refusals', () => {
  it('carry text, code and delay, and cost no connection', async () => {
    await using fake = await FakeRegistry.start((request, connection) =>
      connection.refuse(request, 'request failed', { code: 'standby', retry_after_ms: 1500 }),
    );
    await using client = new RegistryClient({ address: fake.address });
    const error = await client.getKeyInfo(7).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'REGISTRY_REFUSED' });
    expect(refusalOf(error)).toEqual({ text: 'request failed', code: 'standby', retryAfterMs: 1500 });
    expect(isTransient(error)).toBe(true);
    await expect(client.getKeyInfo(8)).rejects.toThrow(
      'get_key_info refused by the registry: request failed',
    );
    expect(fake.connections).toBe(1);
  });

  it.each([
    ['node 9: not found', 'not_found'],
    ['resolve denied: node 9 is private (establish mutual trust first)', 'private'],
    ['signature verification failed', 'auth_signature'],
    ['something else', undefined],
  ])('in native form have a code where the text leaves no doubt: %s', async (text, code) => {
    await using fake = await FakeRegistry.start((request, connection) => connection.refuse(request, text));
    await using client = new RegistryClient({ address: fake.address, identity: keyA, nodeId: 7 });
    const error = await client.resolve(9).catch((reason: unknown) => reason);
    expect(fake.requests[0]?.opcode).toBe(3);
    expect(refusalOf(error)).toEqual({ text, code, retryAfterMs: undefined });
  });

  it('are none when the error is another one', () => {
    expect(refusalOf(new Error('x'))).toBeUndefined();
    expect(isTransient(new Error('x'))).toBe(false);
    expect(isTransient(clientErrors.create('PIN_MISMATCH', 'x'))).toBe(false);
  });
});

describe('the fake registry', () => {
  it('speaks JSON to a client without preamble', async () => {
    await using fake = await FakeRegistry.start(echo);
    const socket = connect(fake.port, '127.0.0.1');
    const body = Buffer.from('{"type":"get_key_info","node_id":7}');
    socket.write(Buffer.concat([Buffer.of(0, 0, 0, body.length), body]));
    const [reply] = (await once(socket, 'data')) as [Buffer];
    expect(reply.subarray(4).toString()).toContain('"node_id":7');
    socket.destroy();
  });
});
