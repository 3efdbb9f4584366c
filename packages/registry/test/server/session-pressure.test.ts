import { describe, expect, test } from 'vitest';
import { encodeHeartbeatRequest, encodeLookupRequest, jsonFrame } from '../../src/wire/index.ts';
import {
  ADMIN_TOKEN,
  Bench,
  type BenchOptions,
  identity,
  type Json,
  type Peer,
  registration,
} from './support/harness.ts';

const key = identity(0);

function bench(options: BenchOptions = {}): Bench {
  const made = new Bench(options);
  made.addNode(7, key, { hostname: 'seven' });
  made.commit({ type: 'node.visibility', id: 7, public: true });
  return made;
}

const lookup = encodeLookupRequest({ nodeId: 7 });
const lookups = (count: number): Buffer => Buffer.concat(Array.from({ length: count }, () => lookup));

describe('a peer that does not read', () => {
  test('is not read either, costs a bounded number of bytes, and gets every answer later', () => {
    const made = bench({ limits: { maxOutputBytes: 20_000, writeTimeoutMs: 1e9 } });
    const peer = made.connect('binary');
    peer.reads = false;
    let sent = 0;
    while (!peer.paused) {
      peer.send(lookups(500));
      sent += 500;
      expect(sent).toBeLessThan(10_000);
    }
    expect(peer.highestBufferedBytes).toBeLessThan(20_000 + 64 * 1024 + 200);
    const answered = peer.frames.length;
    expect(answered).toBeLessThan(sent);
    peer.take(100);
    expect([peer.frames.length, peer.paused]).toEqual([answered, true]);
    peer.reads = true;
    peer.take();
    expect([peer.frames.length, peer.paused, peer.isOver]).toEqual([sent, false, false]);
  });

  test('is closed when it has taken nothing for the time to write', () => {
    const made = bench();
    const peer = made.connect('binary');
    peer.reads = false;
    peer.send(lookup);
    made.advance(4_750);
    expect(peer.isOver).toBe(false);
    made.advance(1_000);
    expect(peer.destroyed).toBe(true);
  });

  test('does not gain time by asking more', () => {
    const made = bench();
    const peer = made.connect('binary');
    peer.reads = false;
    for (let i = 0; i < 6; i++) {
      peer.send(lookup);
      made.advance(1_000);
    }
    expect(peer.destroyed).toBe(true);
  });

  test('gains time by taking something, however little', () => {
    const made = bench();
    const peer = made.connect('binary');
    peer.reads = false;
    peer.send(lookups(20));
    for (let i = 0; i < 10; i++) {
      made.advance(4_000);
      peer.take(1);
      expect(peer.isOver).toBe(false);
    }
    made.advance(11_000);
    expect(peer.destroyed).toBe(true);
  });

  test('that took its answer after all has the full idle time again', async () => {
    const made = bench();
    const peer = made.connect('binary');
    peer.reads = false;
    peer.send(lookup);
    // A small answer leaves the buffer without the stream saying so.
    peer.bufferedBytes = 0;
    made.advance(290_000);
    expect(peer.isOver).toBe(false);
    made.advance(20_000);
    expect(peer.destroyed).toBe(true);
    await Promise.resolve();
    expect([made.host.sessionCount, made.host.deadlines.size]).toEqual([0, 0]);
  });

  test('a large list is handed over in pieces that are shared, and then nothing more is read', async () => {
    const made = bench({ limits: { maxOutputBytes: 1_000, writeTimeoutMs: 1e9 } });
    for (let id = 10; id < 200; id++) made.addNode(id, identity(id), { hostname: `node-${id}` });
    const peer = made.connect();
    peer.reads = false;
    const ask = peer.frame({ type: 'list_nodes', network_id: 0, admin_token: ADMIN_TOKEN });
    peer.send(Buffer.concat([ask, ask, ask]));
    await peer.receives(1);
    expect(peer.frames).toHaveLength(1);
    peer.reads = true;
    peer.take();
    await peer.receives(3);
    expect((peer.answers[2] as { nodes: unknown[] }).nodes).toHaveLength(191);
  });
});

describe('a slow sender', () => {
  test('a message whose beginning came must show its length in time', () => {
    const made = bench();
    const peer = made.connect();
    peer.send(Buffer.of(0));
    for (let i = 0; i < 2; i++) {
      made.advance(4_000);
      peer.send(Buffer.of(0));
    }
    expect(peer.isOver).toBe(false);
    made.advance(2_500);
    expect([peer.destroyed, peer.bytes.length]).toEqual([true, 0]);
  });

  test('a body must come at the least speed', () => {
    const made = bench();
    const body = Buffer.alloc(32_768, 0x20);
    body.write('{"type":"lookup","node_id":7}');
    const frame = jsonFrame(body);
    // 32 KiB may take 10 s and 2 s more.
    const fast = made.connect();
    const slow = made.connect();
    for (const peer of [fast, slow]) peer.send(frame.subarray(0, 5));
    for (let i = 0; i < 11; i++) {
      made.advance(1_000);
      slow.send(frame.subarray(5 + i, 6 + i));
      fast.send(frame.subarray(5 + i * 2_900, 5 + (i + 1) * 2_900));
    }
    fast.send(frame.subarray(5 + 11 * 2_900));
    expect([fast.isOver, slow.isOver]).toEqual([false, false]);
    expect(fast.answers).toMatchObject([{ type: 'lookup_ok' }]);
    made.advance(2_000);
    expect([fast.isOver, slow.destroyed]).toEqual([false, true]);
  });

  test('each message has its own time', () => {
    const made = bench();
    const peer = made.connect('binary');
    for (let i = 0; i < 20; i++) {
      peer.send(lookup.subarray(0, 3));
      made.advance(6_000);
      peer.send(lookup.subarray(3));
    }
    expect([peer.frames.length, peer.isOver]).toEqual([20, false]);
  });

  test('memory follows what has come, not what was announced', () => {
    const made = bench();
    const peer = made.connect();
    peer.ask({ type: 'list_networks', admin_token: ADMIN_TOKEN });
    const before = process.memoryUsage().arrayBuffers + process.memoryUsage().external;
    const many = Array.from({ length: 100 }, () => {
      const other = made.connect();
      other.ask({ type: 'list_networks', admin_token: ADMIN_TOKEN });
      other.send(Buffer.of(4, 0, 0, 0), Buffer.alloc(1_000));
      return other;
    });
    const grown = process.memoryUsage().arrayBuffers + process.memoryUsage().external - before;
    expect(many.every((other) => !other.isOver)).toBe(true);
    expect(grown).toBeLessThan(20_000_000);
  });
});

describe('an idle connection', () => {
  test('is closed after five minutes without a message, also one that never sent any', () => {
    const made = bench();
    const silent = made.connect();
    const active = made.connect('binary');
    for (let i = 0; i < 4; i++) {
      made.advance(70_000);
      active.send(lookup);
    }
    expect([silent.isOver, active.isOver]).toEqual([false, false]);
    made.advance(21_000);
    expect([silent.destroyed, active.isOver]).toEqual([true, false]);
    made.advance(290_000);
    expect(active.destroyed).toBe(true);
  });

  test('is not closed while it waits for the disk', async () => {
    const made = bench({ instantDisk: false });
    made.log.sync();
    const peer = made.connect();
    peer.ask(registration(identity(60)));
    await made.verifierIdle();
    made.advance(250_000);
    expect(peer.isOver).toBe(false);
    made.log.sync();
    expect(peer.answers).toMatchObject([{ type: 'register_ok' }]);
  });

  test('that was ended is cut off when the peer does not close its side', () => {
    const made = bench();
    const peer = made.connect('binary');
    peer.closesOnEnd = false;
    peer.send(lookup, Buffer.of(0, 0, 0, 0));
    expect([peer.ended, peer.destroyed]).toEqual([true, false]);
    peer.send(lookups(1000));
    expect(peer.frames).toHaveLength(1);
    made.advance(6_000);
    expect(peer.destroyed).toBe(true);
  });
});

describe('rates', () => {
  const rates: BenchOptions = {
    limitLoopback: true,
    admission: {
      requestsPerSecondPerAddress: 10,
      requestBurstPerAddress: 10,
      refusalsPerSecondPerAddress: 5,
      connectionsPerSecondPerAddress: 1000,
      connectionBurstPerAddress: 1000,
    },
  };
  const outcomes = (peer: Peer): string[] =>
    peer.answers.map((answer) =>
      typeof answer === 'string'
        ? answer.replace(/^82:.*/, 'served')
        : String(answer['code'] ?? answer['type']),
    );

  test('a request above the rate is refused, then the connection is not read for a while, and nothing is lost', () => {
    const made = bench(rates);
    const peer = made.connect('binary');
    peer.send(lookups(40));
    expect(outcomes(peer)).toEqual([
      ...Array<string>(10).fill('served'),
      ...Array<string>(5).fill('error: rate limited'),
    ]);
    expect(peer.paused).toBe(true);
    for (let i = 0; i < 60; i++) made.advance(250);
    expect(peer.frames).toHaveLength(40);
    expect(peer.paused).toBe(false);
    expect(made.admission.deniedTotal.ip).toBeGreaterThan(4);
  });

  test('JSON, also as passthrough, learns when to come back', () => {
    const made = bench(rates);
    const json = made.connect();
    const native = made.connect('binary');
    const message: Json = { type: 'lookup', node_id: 7 };
    for (let i = 0; i < 12; i++) (i < 11 ? json : native).ask(message);
    expect(outcomes(json)).toEqual([...Array<string>(10).fill('lookup_ok'), 'rate_limited']);
    expect(json.answers[10]).toEqual({
      type: 'error',
      error: 'rate limited',
      code: 'rate_limited',
      retry_after_ms: 100,
    });
    expect(native.answers).toEqual([json.answers[10]]);
    expect((native.frames[0] as Buffer)[0]).toBe(0);
  });

  test('one address does not take from another', () => {
    const made = bench(rates);
    const greedy = made.connect('binary', { address: '192.0.2.1' });
    const other = made.connect('binary', { address: '192.0.2.2' });
    greedy.send(lookups(100));
    other.send(lookups(10));
    expect(outcomes(other)).toEqual(Array<string>(10).fill('served'));
  });

  test('looking up too many different nodes is refused in both framings', () => {
    const made = bench({ limitLoopback: true, admission: { distinctLookupsPerMinutePerAddress: 64 } });
    const peer = made.connect('binary');
    const json = made.connect();
    for (let id = 1; id <= 400; id++) peer.send(encodeLookupRequest({ nodeId: id }));
    json.ask({ type: 'lookup', node_id: 401 });
    const text = 'rate limited: too many different nodes looked up';
    expect(peer.answers.at(-1)).toBe(`error: ${text}`);
    expect(json.answers[0]).toMatchObject({ error: text, code: 'rate_limited' });
    expect(Number((json.answers[0] as Json)['retry_after_ms'])).toBeGreaterThan(1_000);
    made.advance(61_000);
    peer.send(lookup);
    expect(peer.frames.at(-1)?.[0]).toBe(0x82);
  });

  test('more connections than an address may have are refused', () => {
    const made = bench({ admission: { maxConnectionsPerAddress: 3 } });
    const three = [made.connect(), made.connect(), made.connect()];
    expect(made.tryConnect()).toBeUndefined();
    three[0]?.session.close();
    expect(made.tryConnect()).toBeDefined();
    expect(made.admission.connections).toBe(3);
  });

  test('too many registrations of new keys from one address are refused', async () => {
    const made = bench({ limitLoopback: true, admission: { registrationBurstPerAddress: 2 } });
    const peer = made.connect();
    for (let i = 0; i < 3; i++) peer.ask(registration(identity(70 + i)));
    const answers = await peer.receives(3);
    expect(answers.map((answer) => (answer as Json)['type'])).toEqual([
      'register_ok',
      'register_ok',
      'error',
    ]);
    expect(answers[2]).toMatchObject({
      error: 'rate limited: too many registrations from 127.0.0.1',
      code: 'rate_limited',
    });
    // A key that is known may come back.
    peer.ask(registration(identity(70)));
    expect((await peer.receives(4))[3]).toMatchObject({ type: 'register_ok' });
  });
});

describe('too many signatures', () => {
  test('are refused as overload, never as wrong, and what waits is answered', async () => {
    const made = bench({ maxQueuedVerifications: 4 });
    const peers = Array.from({ length: 40 }, (_, i) => {
      const peer = made.connect(i % 2 === 0 ? 'json' : 'binary');
      if (i % 2 === 0) peer.ask(registration(identity(100 + i)));
      else {
        const signature = key.signBytes('heartbeat:7');
        signature[0] = (signature[0] as number) ^ i;
        peer.send(encodeHeartbeatRequest({ nodeId: 7, signature }));
      }
      return peer;
    });
    for (const peer of peers) await peer.receives(1);
    const json = peers.filter((_, i) => i % 2 === 0).map((peer) => peer.answers[0] as Json);
    const refused = json.filter((answer) => answer['type'] === 'error');
    const text = 'registry is busy: too many signatures wait';
    expect(json.some((answer) => answer['type'] === 'register_ok')).toBe(true);
    expect(refused.length).toBeGreaterThan(0);
    for (const answer of refused) {
      expect(answer).toEqual({ type: 'error', error: text, code: 'overloaded', retry_after_ms: 500 });
    }
    const native = new Set(peers.filter((_, i) => i % 2 === 1).map((peer) => peer.answers[0]));
    expect(native).toEqual(new Set([`error: ${text}`, 'error: signature verification failed']));
    expect(made.engine.state.nodes.liveCount).toBe(1 + json.length - refused.length);
  });
});
