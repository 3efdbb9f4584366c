import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  binaryFrame,
  encodeHeartbeatRequest,
  encodeLookupRequest,
  encodeResolveRequest,
  OPCODE,
} from '../../src/wire/index.ts';
import {
  Bench,
  identity,
  type Json,
  type Peer,
  registration,
  signed,
  turns,
  until,
} from './support/harness.ts';

const keys = Array.from({ length: 6 }, (_, i) => identity(i));

function bench(options: ConstructorParameters<typeof Bench>[0] = {}): Bench {
  const made = new Bench(options);
  for (const [i, key] of keys.entries()) made.addNode(i + 1, key);
  if (options?.instantDisk === false) made.log.sync();
  return made;
}

/** A kind of request, with what its answer begins with. */
interface Sample {
  readonly frame: (peer: Peer) => Buffer;
  readonly expected: RegExp;
}

const describeAnswer = (answer: Json | string): string =>
  typeof answer === 'string' ? answer : `${String(answer['type'])} ${JSON.stringify(answer)}`;

/** Requests that differ in what they wait for: nothing, a signature, the disk, both. */
function samples(n: number): readonly Sample[] {
  const id = (n % keys.length) + 1;
  const key = keys[id - 1] as (typeof keys)[number];
  const fresh = identity(1000 + n);
  const json = (message: Json, expected: RegExp): Sample => ({
    frame: (peer) => peer.frame(message),
    expected,
  });
  return [
    json({ type: 'lookup', node_id: id }, new RegExp(`^lookup_ok .*"node_id":${id},`)),
    json({ type: 'lookup', node_id: 900 + n }, new RegExp(`^error .*node ${900 + n}: node not found`)),
    json(
      registration(fresh),
      new RegExp(`^register_ok .*"public_key":"${fresh.publicKeyBase64.replaceAll('+', '\\+')}"`),
    ),
    json(
      signed(key, { type: 'set_hostname', node_id: id, hostname: `h-${n}` }),
      new RegExp(`^set_hostname_ok .*"h-${n}"`),
    ),
    json(
      signed(key, { type: 'set_tags', node_id: id, tags: [`t${n}`] }),
      new RegExp(`^set_tags_ok .*"t${n}"`),
    ),
    json(
      { type: 'set_tags', node_id: id, tags: [], signature: Buffer.alloc(64, n).toString('base64') },
      /^error .*signature verification failed/,
    ),
    json({ type: `unknown-${n}` }, /^error .*unknown_type/),
  ];
}

function nativeSamples(n: number): readonly Sample[] {
  const id = (n % keys.length) + 1;
  const key = keys[id - 1] as (typeof keys)[number];
  const hexId = id.toString(16).padStart(8, '0');
  const other = (id % keys.length) + 1;
  const native = (frame: Buffer, expected: RegExp): Sample => ({ frame: () => frame, expected });
  return [
    native(encodeLookupRequest({ nodeId: id }), new RegExp(`^82:${hexId}`)),
    native(encodeLookupRequest({ nodeId: 700 + n }), new RegExp(`^error: node ${700 + n}: not found`)),
    native(encodeHeartbeatRequest({ nodeId: id, signature: key.signBytes(`heartbeat:${id}`) }), /^81:/),
    native(
      encodeResolveRequest({
        nodeId: other,
        requesterId: id,
        signature: key.signBytes(`resolve:${id}:${other}`),
      }),
      new RegExp(`^error: resolve denied: node ${other} is private`),
    ),
    native(
      encodeHeartbeatRequest({ nodeId: 600 + n, signature: new Uint8Array(64) }),
      new RegExp(`^error: node ${600 + n}: not found`),
    ),
    native(
      binaryFrame(0x40 + (n % 50), Buffer.alloc(n % 5)),
      new RegExp(`^error: unknown message type 0x${(0x40 + (n % 50)).toString(16)}`),
    ),
    native(binaryFrame(OPCODE.jsonPassthrough, Buffer.from('no json')), /^error: json decode/),
  ];
}

describe('answers come in the order of the requests', () => {
  test.each(['json', 'binary'] as const)(
    '%s: whatever the requests wait for, and however they are cut',
    async (mode) => {
      const choice = fc.record({ kind: fc.nat({ max: 13 }), n: fc.nat({ max: 40 }) });
      const plan = fc.record({
        requests: fc.array(choice, { minLength: 1, maxLength: 40 }),
        cuts: fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1, maxLength: 8 }),
        syncEvery: fc.integer({ min: 1, max: 6 }),
      });
      await fc.assert(
        fc.asyncProperty(plan, async ({ requests, cuts, syncEvery }) => {
          const made = bench({ instantDisk: false });
          const peer = made.connect(mode);
          const chosen = requests.map(({ kind, n }) => {
            const all = mode === 'json' ? samples(n) : [...samples(n), ...nativeSamples(n)];
            return all[kind % all.length] as Sample;
          });
          const bytes = Buffer.concat(chosen.map(({ frame }) => frame(peer)));
          for (let at = 0, i = 0; at < bytes.length; i++) {
            const size = cuts[i % cuts.length] as number;
            peer.send(bytes.subarray(at, at + size));
            at += size;
            if (i % syncEvery === 0) made.log.sync(made.log.durableSeq + 1);
            if (i % 3 === 0) await turns(1);
          }
          await until(() => {
            made.log.sync();
            return peer.frames.length >= chosen.length;
          }, 'everything is answered');
          const answers = peer.answers.map(describeAnswer);
          expect(answers).toHaveLength(chosen.length);
          for (const [i, { expected }] of chosen.entries()) expect(answers[i]).toMatch(expected);
          expect(made.host.sessionCount).toBe(1);
        }),
        { numRuns: 60 },
      );
    },
  );
});

describe('waiting for the disk', () => {
  test('a write is acknowledged only when it is durable, and holds back what came after it', async () => {
    const made = bench({ instantDisk: false });
    const peer = made.connect();
    const other = made.connect();
    peer.send(
      Buffer.concat([
        peer.frame({ type: 'lookup', node_id: 1 }),
        peer.frame(registration(identity(50), { hostname: 'fifty' })),
        peer.frame({ type: 'lookup', node_id: 2 }),
      ]),
    );
    await until(() => made.log.appendedSeq > made.log.durableSeq, 'the registration is in the log');
    await turns();
    expect(peer.answers).toMatchObject([{ type: 'lookup_ok', node_id: 1 }]);
    other.ask({ type: 'lookup', node_id: 2 });
    expect(other.answers).toMatchObject([{ type: 'lookup_ok', node_id: 2 }]);
    made.log.sync();
    expect(peer.answers).toMatchObject([
      { type: 'lookup_ok' },
      { type: 'register_ok' },
      { type: 'lookup_ok', node_id: 2 },
    ]);
  });

  test('nobody is shown what is not durable', async () => {
    const made = bench({ instantDisk: false });
    const writer = made.connect();
    writer.ask(signed(keys[0] as never, { type: 'set_hostname', node_id: 1, hostname: 'new-name' }));
    await until(() => made.log.appendedSeq > made.log.durableSeq, 'the change is in the log');
    const readers = [made.connect(), made.connect('binary'), made.connect()];
    readers[0]?.ask({ type: 'lookup', node_id: 1 });
    readers[1]?.send(encodeLookupRequest({ nodeId: 1 }));
    readers[2]?.ask({ type: 'list_nodes', network_id: 0, admin_token: 'test-admin-token' });
    await turns();
    expect(readers.map((reader) => reader.bytes.length)).toEqual([0, 0, 0]);
    made.log.sync();
    for (const reader of readers) await reader.receives(1);
    expect(readers.every((reader) => reader.bytes.includes('new-name'))).toBe(true);
  });

  test('a connection reads on while its answers wait, up to a bound', () => {
    const made = bench({ instantDisk: false, limits: { maxWaitingReplies: 8 } });
    made.commit({ type: 'node.visibility', id: 1, public: true });
    const peer = made.connect('binary');
    const lookups = Buffer.concat(Array.from({ length: 30 }, () => encodeLookupRequest({ nodeId: 1 })));
    peer.send(lookups);
    peer.send(lookups);
    expect([peer.bytes.length, peer.paused]).toEqual([0, true]);
    made.log.sync();
    expect([peer.frames.length, peer.paused]).toEqual([60, false]);
  });

  test('a connection that goes away while it waits is forgotten', async () => {
    const made = bench({ instantDisk: false });
    const peer = made.connect();
    peer.ask(registration(identity(51)));
    await until(() => made.log.appendedSeq > made.log.durableSeq, 'the registration is in the log');
    peer.session.close();
    made.log.sync();
    expect([
      peer.bytes.length,
      made.host.sessionCount,
      made.host.deadlines.size,
      made.admission.connections,
    ]).toEqual([0, 0, 0, 0]);
    expect(made.engine.state.nodes.liveCount).toBe(7);
  });

  test('an acknowledgement that waits is sent although the peer broke the protocol behind it', async () => {
    const made = bench({ instantDisk: false });
    const peer = made.connect();
    peer.send(Buffer.concat([peer.frame(registration(identity(52))), Buffer.of(0, 0x10, 0, 1)]));
    await until(() => made.log.appendedSeq > made.log.durableSeq, 'the registration is in the log');
    await turns();
    expect([peer.bytes.length, peer.isOver]).toEqual([0, false]);
    made.log.sync();
    expect(peer.answers).toMatchObject([{ type: 'register_ok' }, { code: 'frame_too_large' }]);
    expect(peer.isOver).toBe(true);
  });
});

describe('a peer that has ended its side', () => {
  test('still gets its answers, then the end', async () => {
    const made = bench({ instantDisk: false });
    const peer = made.connect();
    peer.send(
      Buffer.concat([
        peer.frame(registration(identity(53))),
        peer.frame({ type: 'lookup', node_id: 1 }),
        Buffer.of(0, 0),
      ]),
    );
    peer.session.inputEnded();
    expect(peer.isOver).toBe(false);
    await until(() => made.log.appendedSeq > made.log.durableSeq, 'the registration is in the log');
    made.log.sync();
    await until(() => peer.isOver, 'the connection ends');
    expect(peer.answers).toMatchObject([{ type: 'register_ok' }, { type: 'lookup_ok' }]);
    expect([peer.ended, peer.destroyed]).toEqual([true, false]);
  });

  test('ends at once when nothing is owed', () => {
    const made = bench();
    const peer = made.connect();
    peer.session.inputEnded();
    expect(peer.isOver).toBe(true);
  });
});

describe('waiting for signatures', () => {
  test('one connection that waits holds up no other', async () => {
    const made = bench();
    const slow = made.connect('binary');
    const beats = keys.map((key, i) =>
      encodeHeartbeatRequest({ nodeId: i + 1, signature: key.signBytes(`heartbeat:${i + 1}`) }),
    );
    slow.send(Buffer.concat(beats));
    const quick = made.connect();
    quick.ask({ type: 'lookup', node_id: 1 });
    expect(quick.frames).toHaveLength(1);
    expect(slow.frames).toHaveLength(0);
    await slow.receives(keys.length);
  });

  test('a check that ends after the connection has gone answers nobody', async () => {
    const made = bench();
    const peer = made.connect('binary');
    peer.send(
      encodeHeartbeatRequest({
        nodeId: 1,
        signature: (keys[0] as never as { signBytes(t: string): Buffer }).signBytes('heartbeat:1'),
      }),
    );
    peer.session.close();
    await until(() => made.verifier.running === 0, 'the check is over');
    await turns();
    expect(peer.bytes).toHaveLength(0);
  });

  test('a key that is rotated while its signature is checked proves nothing', async () => {
    const made = bench();
    const peer = made.connect('binary');
    const key = keys[0] as NonNullable<(typeof keys)[0]>;
    peer.send(encodeHeartbeatRequest({ nodeId: 1, signature: key.signBytes('heartbeat:1') }));
    made.commit({ type: 'key.rotated', id: 1, key: identity(99).publicKeyBase64, at: made.now });
    expect(await peer.receives(1)).toEqual(['error: signature verification failed']);
  });
});
