import { readFileSync } from 'node:fs';
import { Identity } from '@muster/core/identity';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { binaryFrame, encodeHeartbeatRequest, jsonFrame, OPCODE, PREAMBLE } from '../../src/wire/index.ts';
import {
  ADMIN_TOKEN,
  Bench,
  identity,
  type Json,
  type Peer,
  registration,
  until,
} from './support/harness.ts';

function vectors<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../vectors/registry/${name}`, import.meta.url), 'utf8')) as T;
}

const framing = vectors<{
  read: { name: string; bytes_hex: string; error?: string }[];
  write: { name: string; frame_hex: string }[];
}>('json_framing.json');
const binary = vectors<{
  preamble_hex: string;
  frames: { name: string; direction: string; frame_hex: string }[];
  frame_read: { name: string; bytes_hex: string; error?: string }[];
  payload_decode: { name: string; decoder: string; payload_hex: string }[];
}>('binary_frames.json');
const client = vectors<{
  binary: { client_method: string; frame_hex: string }[];
  json: { client_method: string; frame_hex: string }[];
}>('client_requests.json');

const hex = (text: string): Buffer => Buffer.from(text, 'hex');
/** The key that signed the recorded requests. */
const keyA = Identity.fromSeed(Uint8Array.from({ length: 32 }, (_, i) => i));

/** A bench with nodes 7 and 9, so that the recorded requests of node 7 find somebody. */
function bench(): Bench {
  const made = new Bench();
  made.addNode(7, keyA, { hostname: 'seven' });
  made.addNode(9, identity(1));
  return made;
}

/** What came of sending `chunks` over a new connection of a new server: every byte, and how it ended. */
async function outcome(chunks: readonly Buffer[], expectedFrames?: number): Promise<string> {
  const made = bench();
  const peer = made.connect();
  peer.send(...chunks);
  await settled(made, peer, expectedFrames);
  return `${peer.bytes.toString('hex')} ${peer.isOver ? 'closed' : 'open'}`;
}

async function settled(made: Bench, peer: Peer, expectedFrames = 0): Promise<void> {
  await until(
    () => made.verifier.running === 0 && made.verifier.queued === 0 && peer.bytes.length >= expectedFrames,
    'the signatures are checked',
  );
  for (let i = 0; i < 3; i++) await Promise.resolve();
  await until(() => made.verifier.running === 0, 'nothing is left to check');
}

function splits(bytes: Buffer): (readonly Buffer[])[] {
  const ways: (readonly Buffer[])[] = [[...bytes].map((byte) => Buffer.of(byte))];
  for (let at = 1; at < bytes.length; at++) ways.push([bytes.subarray(0, at), bytes.subarray(at)]);
  return ways;
}

/** All recorded client frames, and all broken ones, each as a connection of its own. */
const connections: readonly { name: string; bytes: Buffer }[] = [
  ...framing.read.map(({ name, bytes_hex }) => ({ name: `JSON read: ${name}`, bytes: hex(bytes_hex) })),
  ...framing.write.map(({ name, frame_hex }) => ({ name: `JSON write: ${name}`, bytes: hex(frame_hex) })),
  ...client.json.map(({ client_method, frame_hex }) => ({
    name: `client ${client_method}`,
    bytes: hex(frame_hex),
  })),
  ...client.binary.map(({ client_method, frame_hex }) => ({
    name: `binary client ${client_method}`,
    bytes: Buffer.concat([PREAMBLE, hex(frame_hex)]),
  })),
  ...binary.frames.map(({ name, frame_hex }) => ({
    name: `binary frame: ${name}`,
    bytes: Buffer.concat([PREAMBLE, hex(frame_hex)]),
  })),
  ...binary.frame_read.map(({ name, bytes_hex }) => ({
    name: `binary read: ${name}`,
    bytes: Buffer.concat([PREAMBLE, hex(bytes_hex)]),
  })),
];

describe('recorded bytes, however they are cut', () => {
  test.each(connections)('$name', async ({ bytes }) => {
    const whole = await outcome([bytes]);
    // Long ones are cut at a sample of places, the short ones at every byte.
    const ways = splits(bytes);
    const chosen = ways.length <= 30 ? ways : ways.filter((_, i) => i < 9 || i % 41 === 0);
    for (const way of chosen) expect(await outcome(way, whole.indexOf(' ') / 2)).toBe(whole);
  });

  test('many recorded requests glued together and cut in random chunks give the same answers', async () => {
    const frames = client.json
      .filter(({ frame_hex }) => frame_hex.length < 4000)
      .map(({ frame_hex }) => hex(frame_hex));
    const glued = Buffer.concat(frames);
    const whole = await outcome([glued]);
    expect(whole.endsWith(' open')).toBe(true);
    // Signed by a key that the server knows, many of them succeed.
    const answers = Buffer.from(whole.split(' ', 1)[0] as string, 'hex').toString('latin1');
    expect(answers.match(/"type":"[a-z_]+_ok"/g)?.length ?? 0).toBeGreaterThan(5);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1 }), async (sizes) => {
        const chunks: Buffer[] = [];
        for (let at = 0, i = 0; at < glued.length; i++) {
          const size = sizes[i % sizes.length] as number;
          chunks.push(glued.subarray(at, at + size));
          at += size;
        }
        expect(await outcome(chunks, whole.indexOf(' ') / 2)).toBe(whole);
      }),
      { numRuns: 25 },
    );
  });

  test('the recorded preamble is ours', () => {
    expect(hex(binary.preamble_hex)).toEqual(PREAMBLE);
  });
});

describe('JSON framing', () => {
  test.each(framing.read)('$name', async ({ name, bytes_hex, error }) => {
    const bytes = hex(bytes_hex);
    const [answer, end] = (await outcome([bytes])).split(' ');
    const isCut =
      (error?.includes('EOF') === true && !error.includes('JSON')) || name.startsWith('binary magic');
    if (isCut) expect([answer, end]).toEqual(['', 'open']);
    else if (error === undefined) expect([answer === '', end]).toEqual([false, 'open']);
    else expect([answer, end]).toEqual(['', 'closed']);
  });

  test.each([
    'null',
    ' { "type" : "nonsense" } ',
    '{}',
    '{"type":7}',
    '{"type":"__proto__"}',
    '{"type":"constructor"}',
  ])('the body %s is a message of unknown type', (body) => {
    const peer = bench().connect();
    peer.send(jsonFrame(Buffer.from(body)));
    expect(peer.answers).toEqual([{ type: 'error', error: 'request failed', code: 'unknown_type' }]);
    expect(peer.isOver).toBe(false);
  });

  test.each(['', '[]', '"text"', '7', '{"type":"lookup"} x', '﻿{}', '{"type":', 'true'])(
    'the body %j closes the connection without a reply',
    (body) => {
      const peer = bench().connect();
      peer.send(jsonFrame(Buffer.from(body)));
      expect([peer.bytes.length, peer.isOver]).toEqual([0, true]);
    },
  );

  test('what came before a broken message is answered, what comes behind it is not even looked at', () => {
    const made = bench();
    const peer = made.connect();
    const lookup = peer.frame({ type: 'lookup', node_id: 7 });
    const broken = jsonFrame(Buffer.from('nonsense'));
    const create = peer.frame({
      type: 'create_network',
      node_id: 7,
      name: 'must-not-be',
      admin_token: ADMIN_TOKEN,
    });
    peer.send(Buffer.concat([lookup, broken, create]), create);
    expect(peer.answers).toMatchObject([{ type: 'lookup_ok', node_id: 7 }]);
    expect(peer.isOver).toBe(true);
    expect(made.engine.state.networksByName.has('must-not-be')).toBe(false);
  });

  test('a message that arrives in chunks while another is answered keeps its place', async () => {
    const made = bench();
    const peer = made.connect();
    const one = peer.frame(registration(identity(20)));
    const two = peer.frame({ type: 'lookup', node_id: 7 });
    peer.send(Buffer.concat([one, two.subarray(0, 9)]));
    peer.send(two.subarray(9));
    expect(await peer.receives(2)).toMatchObject([{ type: 'register_ok' }, { type: 'lookup_ok' }]);
  });
});

describe('modes', () => {
  test('nothing is sent before the first request, and three bytes decide nothing', () => {
    const peer = bench().connect();
    peer.send(Buffer.from('PIL'));
    expect([peer.bytes.length, peer.isOver]).toEqual([0, false]);
    peer.send(Buffer.from('T'), Buffer.of(1));
    peer.binary = true;
    peer.send(binaryFrame(OPCODE.lookup, Buffer.of(0, 0, 0, 99)));
    expect(peer.answers).toEqual(['error: node 99: not found']);
  });

  test('a length that begins like the magic is JSON', () => {
    const peer = bench().connect();
    peer.send(Buffer.from('PILX'));
    // 0x50494c58 bytes are more than a frame may have.
    expect([peer.bytes.length, peer.isOver]).toEqual([0, true]);
  });

  test.each([0, 2, 255])(
    'version %i is refused with an error frame, and nothing behind it is answered',
    (version) => {
      const peer = bench().connect();
      peer.binary = true;
      const more = binaryFrame(OPCODE.lookup, Buffer.of(0, 0, 0, 7));
      peer.send(Buffer.concat([Buffer.from('PILT'), Buffer.of(version), more]), more);
      expect(peer.answers).toEqual([`error: unsupported wire version ${version}`]);
      expect(peer.isOver).toBe(true);
    },
  );

  test('binary mode stays for the life of the connection', () => {
    const peer = bench().connect('binary');
    peer.send(PREAMBLE);
    // Read as a frame, the preamble announces too much.
    expect([peer.bytes.length, peer.isOver]).toEqual([0, true]);
  });
});

describe('binary framing', () => {
  const connected = (): Peer => bench().connect('binary');

  test('an empty frame closes without a reply, after the answers to what came before', () => {
    const peer = connected();
    peer.send(Buffer.concat([binaryFrame(OPCODE.lookup, Buffer.of(0, 0, 0, 9)), Buffer.alloc(4)]));
    expect(peer.frames).toHaveLength(1);
    expect(peer.frames[0]?.[0]).toBe(OPCODE.lookupOk);
    expect(peer.isOver).toBe(true);
  });

  test.each([0x04, 0x42, 0x7f, 0x80, 0x81, 0x82, 0x83, 0xfe, 0xff])(
    'opcode %i is unknown, the connection stays',
    (opcode) => {
      const peer = connected();
      peer.send(Buffer.concat([binaryFrame(opcode, Buffer.from('x')), binaryFrame(opcode, Buffer.alloc(0))]));
      const text = `error: unknown message type 0x${opcode.toString(16).padStart(2, '0')}`;
      expect([peer.answers, peer.isOver]).toEqual([[text, text], false]);
    },
  );

  const short = binary.payload_decode.filter(({ decoder }) => decoder.endsWith('_req'));
  test.each(short)('recorded payload for $decoder: $name', async ({ decoder, payload_hex }) => {
    const opcodes: Record<string, number> = { heartbeat_req: 1, lookup_req: 2, resolve_req: 3 };
    const needed: Record<string, number> = { heartbeat_req: 68, lookup_req: 4, resolve_req: 72 };
    const payload = hex(payload_hex);
    const peer = connected();
    peer.send(binaryFrame(opcodes[decoder] as number, payload));
    const [answer] = await peer.receives(1);
    const isShort = payload.length < (needed[decoder] as number);
    expect(String(answer).includes('request too short')).toBe(isShort);
    if (isShort) {
      const name = decoder.replace('_req', '');
      expect(answer).toBe(`error: ${name} request too short: ${payload.length} bytes`);
    }
    expect(peer.isOver).toBe(false);
  });

  test('extra bytes behind a native request are ignored', async () => {
    const made = bench();
    const peer = made.connect('binary');
    const heartbeat = encodeHeartbeatRequest({ nodeId: 7, signature: keyA.signBytes('heartbeat:7') });
    peer.send(binaryFrame(OPCODE.heartbeat, Buffer.concat([heartbeat.subarray(5), Buffer.alloc(100)])));
    peer.send(binaryFrame(OPCODE.lookup, Buffer.from([0, 0, 0, 9, 1, 2, 3])));
    const answers = await peer.receives(2);
    expect(answers.map((answer) => String(answer).slice(0, 2))).toEqual(['81', '82']);
  });
});

describe('passthrough', () => {
  test('errors of handlers come as JSON, under the hiding rule', () => {
    const peer = bench().connect('binary');
    peer.ask({ type: 'lookup', node_id: 99 });
    peer.ask({ type: 'nonsense' });
    expect(peer.answers).toEqual([
      { type: 'error', error: 'node 99: node not found', code: 'not_found' },
      { type: 'error', error: 'request failed', code: 'unknown_type' },
    ]);
    expect(peer.frames.map((frame) => frame[0])).toEqual([0, 0]);
  });

  test.each(['', 'nonsense', '[]', '{'])(
    'the payload %j gets an error frame, the connection stays',
    (text) => {
      const peer = bench().connect('binary');
      peer.send(binaryFrame(OPCODE.jsonPassthrough, Buffer.from(text)));
      peer.send(binaryFrame(OPCODE.lookup, Buffer.of(0, 0, 0, 99)));
      expect(peer.answers[0]).toMatch(/^error: json decode: /);
      expect(peer.answers[1]).toBe('error: node 99: not found');
      expect(peer.isOver).toBe(false);
    },
  );

  test('subscribe_replication is refused in a frame of its own', () => {
    const peer = bench().connect('binary');
    peer.ask({ type: 'subscribe_replication', token: 'x' });
    peer.ask({ type: 'nonsense' });
    expect(peer.answers[0]).toBe('error: replication not supported over binary protocol');
    expect(peer.answers).toHaveLength(2);
  });

  test('a list body comes verbatim in both framings', async () => {
    const made = bench();
    const json = made.connect();
    const native = made.connect('binary');
    for (const peer of [json, native])
      peer.ask({ type: 'list_nodes', network_id: 0, admin_token: ADMIN_TOKEN });
    await json.receives(1);
    await native.receives(1);
    const body = (json.frames[0] as Buffer).toString();
    expect(body.startsWith('{"type":"list_nodes_ok","nodes":[{')).toBe(true);
    expect((native.frames[0] as Buffer).subarray(1).toString()).toBe(body);
    expect((JSON.parse(body) as { nodes: unknown[] }).nodes).toHaveLength(2);
  });

  test('a heartbeat reply has its fixed bytes in both framings', async () => {
    const made = bench();
    const message = { type: 'heartbeat', node_id: 7, signature: keyA.sign('heartbeat:7') };
    const json = made.connect();
    json.ask(message);
    const native = made.connect('binary');
    native.ask(message);
    await json.receives(1);
    await native.receives(1);
    const expected = `{"time":${made.now},"type":"heartbeat_ok"}`;
    expect((json.frames[0] as Buffer).toString()).toBe(expected);
    expect((native.frames[0] as Buffer).subarray(1).toString()).toBe(expected);
  });
});

describe('replication over JSON', () => {
  test('is refused in plain text, then closed', () => {
    const made = bench();
    const peer = made.connect();
    peer.send(
      Buffer.concat([
        peer.frame({ type: 'subscribe_replication', token: 'x' }),
        peer.frame({ type: 'nonsense' }),
      ]),
    );
    expect((peer.frames[0] as Buffer).toString()).toBe(
      '{"error":"replication not configured","type":"error"}',
    );
    expect([peer.frames.length, peer.isOver]).toEqual([1, true]);
  });
});

describe('largest messages', () => {
  const padded = (message: Json, bytes: number): Buffer => {
    const text = JSON.stringify(message);
    return Buffer.from(text.slice(0, -1) + ' '.repeat(bytes - text.length) + text.slice(-1));
  };

  test('64 KiB from somebody unknown are taken, one more is refused with a reason', () => {
    const made = bench();
    const within = made.connect();
    within.send(jsonFrame(padded({ type: 'lookup', node_id: 7 }, 65_536)));
    expect(within.answers).toMatchObject([{ type: 'lookup_ok' }]);
    const beyond = made.connect();
    beyond.send(jsonFrame(padded({ type: 'lookup', node_id: 7 }, 65_537)).subarray(0, 5));
    expect(beyond.answers).toEqual([{ type: 'error', error: 'request failed', code: 'frame_too_large' }]);
    expect(beyond.isOver).toBe(true);
    const native = made.connect('binary');
    native.send(Buffer.of(0, 1, 0, 1));
    expect(native.answers).toEqual(['error: message too large: 65537 bytes (max 65536)']);
    expect(native.isOver).toBe(true);
  });

  test('the body of a refused message is not read as further messages', () => {
    const made = bench();
    const peer = made.connect();
    peer.closesOnEnd = false;
    peer.send(Buffer.of(0, 0x10, 0, 0));
    peer.send(peer.frame({ type: 'create_network', node_id: 7, name: 'smuggled', admin_token: ADMIN_TOKEN }));
    expect(peer.frames).toHaveLength(1);
    expect(made.engine.state.networksByName.has('smuggled')).toBe(false);
  });

  test('1 MiB once a node is proven, 64 MiB once an admin token has come', async () => {
    const made = bench();
    const peer = made.connect();
    const big = jsonFrame(padded({ type: 'lookup', node_id: 7 }, 1024 * 1024));
    peer.ask({ type: 'heartbeat', node_id: 7, signature: keyA.sign('heartbeat:7') });
    await peer.receives(1);
    peer.send(big);
    expect(peer.answers[1]).toMatchObject({ type: 'lookup_ok' });
    peer.send(Buffer.of(0, 0x10, 0, 1));
    expect([peer.answers.length, peer.isOver]).toEqual([3, true]);

    const admin = made.connect();
    admin.ask({ type: 'list_networks', admin_token: ADMIN_TOKEN });
    admin.send(Buffer.of(4, 0, 0, 0));
    expect([admin.answers.length, admin.isOver]).toEqual([1, false]);
    const other = made.connect();
    other.ask({ type: 'list_networks', admin_token: 'wrong' });
    other.send(Buffer.of(0, 1, 0, 1));
    expect([other.answers.length, other.isOver]).toEqual([2, true]);
  });

  test.each([
    ['json' as const, Buffer.of(4, 0, 0, 1)],
    ['binary' as const, Buffer.of(4, 0, 0, 1)],
    ['json' as const, Buffer.of(255, 255, 255, 255)],
  ])('more than 64 MiB (%s) closes without a reply, whoever asks', (mode, header) => {
    const made = bench();
    const peer = made.connect(mode);
    peer.ask({ type: 'list_networks', admin_token: ADMIN_TOKEN });
    peer.send(header);
    expect([peer.answers.length, peer.isOver]).toEqual([1, true]);
  });
});
