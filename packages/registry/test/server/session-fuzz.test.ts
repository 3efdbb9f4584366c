import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  binaryFrame,
  encodeHeartbeatRequest,
  encodeLookupRequest,
  encodeResolveRequest,
  jsonFrame,
  PREAMBLE,
} from '../../src/wire/index.ts';
import { operations } from '../../src/operations/index.ts';
import { ADMIN_TOKEN, Bench, identity, type Json, registration, signed } from './support/harness.ts';

/**
 * Whatever arrives: nothing throws, every answer is a frame of the framing, one answer at most for each request, and
 * what a connection costs stays within its limits.
 */

const keys = Array.from({ length: 3 }, (_, i) => identity(i));
const types = operations.map(({ type }) => type);

const jsonValue: fc.Arbitrary<unknown> = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.string(),
  fc.boolean(),
  fc.constant(null),
  fc.constantFrom(0, -1, 7.9, 2 ** 32, 2 ** 53, '1', '', 'open', 'never', ADMIN_TOKEN, '203.0.113.1:1'),
  fc.array(fc.oneof(fc.string(), fc.integer()), { maxLength: 4 }),
  fc.jsonValue({ maxDepth: 3 }),
);

const fieldNames = [...new Set(operations.flatMap(({ fields }) => Object.keys(fields)))];

const messages: fc.Arbitrary<Json> = fc.oneof(
  fc
    .record({
      type: fc.oneof(
        { weight: 9, arbitrary: fc.constantFrom(...types) },
        { weight: 1, arbitrary: fc.string() },
      ),
      fields: fc.dictionary(fc.constantFrom(...fieldNames, 'admin_token', 'signature', 'type'), jsonValue, {
        maxKeys: 6,
      }),
    })
    .map(({ type, fields }) => ({ ...fields, type })),
  fc.nat({ max: 500 }).map((n) => registration(identity(n % 40), { hostname: `fuzz-${n % 9}` })),
  fc.nat({ max: 2 }).map((n) => signed(keys[n] as never, { type: 'set_tags', node_id: n + 1, tags: ['a'] })),
  fc.constant({ type: 'list_nodes', network_id: 0, admin_token: ADMIN_TOKEN }),
);

const nativeFrames: fc.Arbitrary<Buffer> = fc.oneof(
  fc.nat({ max: 5 }).map((nodeId) => encodeLookupRequest({ nodeId })),
  fc.nat({ max: 2 }).map((n) =>
    encodeHeartbeatRequest({
      nodeId: n + 1,
      signature: (keys[n] as (typeof keys)[0]).signBytes(`heartbeat:${n + 1}`),
    }),
  ),
  fc
    .tuple(fc.nat({ max: 4 }), fc.nat({ max: 4 }), fc.uint8Array({ minLength: 64, maxLength: 64 }))
    .map(([nodeId, requesterId, signature]) => encodeResolveRequest({ nodeId, requesterId, signature })),
  fc
    .tuple(fc.nat({ max: 255 }), fc.uint8Array({ maxLength: 90 }))
    .map(([opcode, payload]) => binaryFrame(opcode, payload)),
);

/** A change to bytes that were in order. */
const mutation = fc.record({
  kind: fc.constantFrom('flip', 'cut', 'repeat', 'insert', 'length'),
  at: fc.nat({ max: 4000 }),
  value: fc.nat({ max: 255 }),
});

function mutate(bytes: Buffer, { kind, at, value }: { kind: string; at: number; value: number }): Buffer {
  const position = at % Math.max(1, bytes.length);
  switch (kind) {
    case 'flip': {
      const copy = Buffer.from(bytes);
      copy[position] = value;
      return copy;
    }
    case 'cut':
      return bytes.subarray(0, position);
    case 'repeat':
      return Buffer.concat([bytes, bytes.subarray(position)]);
    case 'insert':
      return Buffer.concat([bytes.subarray(0, position), Buffer.of(value), bytes.subarray(position)]);
    default: {
      const copy = Buffer.from(bytes);
      copy[position % 4] = value % 3;
      return copy;
    }
  }
}

interface Run {
  readonly bytes: readonly Uint8Array[];
  readonly reads: boolean;
  readonly instantDisk: boolean;
  readonly binary: boolean;
  /** Most requests that the bytes can hold. */
  readonly requests: number;
}

async function drive({ bytes, reads, instantDisk, binary, requests }: Run): Promise<void> {
  const made = new Bench({
    instantDisk,
    limits: { maxOutputBytes: 4_096, maxFrameBytes: 8_192, maxWaitingReplies: 16 },
  });
  for (const [i, key] of keys.entries()) made.addNode(i + 1, key);
  made.log.sync();
  const peer = made.connect();
  peer.binary = binary;
  peer.reads = reads;
  if (binary) peer.send(PREAMBLE);
  let largest = 0;
  for (const chunk of bytes) {
    if (peer.paused) break;
    peer.send(chunk);
    largest = Math.max(largest, chunk.length);
    if (!instantDisk && chunk.length % 3 === 0) made.log.sync(made.log.durableSeq + 1);
    if (chunk.length % 5 === 0) await turn();
  }
  await made.verifierIdle();
  made.log.sync();
  await made.verifierIdle();
  made.log.sync();
  // One round of answers and one list may lie beyond the limit.
  expect(peer.highestBufferedBytes).toBeLessThan(4_096 + 64 * 1024 + largest * 100 + 100_000);
  const frames = peer.frames;
  const total = frames.reduce((sum, frame) => sum + 4 + frame.length, 0);
  expect(total).toBe(peer.bytes.length);
  expect(frames.length).toBeLessThanOrEqual(requests);
  expect(
    peer.answers.every((answer) => typeof answer === 'string' || typeof answer['type'] === 'string'),
  ).toBe(true);
  if (peer.isOver) await Promise.resolve();
  else peer.session.close();
  expect([made.host.sessionCount, made.host.deadlines.size, made.admission.connections]).toEqual([0, 0, 0]);
  const metrics = await made.metrics.render();
  expect(metrics).toContain('pilot_recovered_panics_total 0\n');
}

const circumstances = { reads: fc.boolean(), instantDisk: fc.boolean(), binary: fc.boolean() };
const chunked = (bytes: Buffer, sizes: readonly number[]): Buffer[] => {
  const chunks: Buffer[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] as number;
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
};
const sizes = fc.array(fc.integer({ min: 1, max: 3_000 }), { minLength: 1, maxLength: 6 });

test('random bytes', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        ...circumstances,
        bytes: fc.array(
          fc.oneof(
            fc.uint8Array({ maxLength: 400 }),
            fc
              .uint8Array({ maxLength: 60 })
              .map((body) => Buffer.concat([Buffer.of(0, 0, 0, body.length), body])),
          ),
          { maxLength: 20 },
        ),
      }),
      async (run) => {
        const count = run.bytes.reduce((sum, chunk) => sum + chunk.length, 0);
        await drive({ ...run, requests: count });
      },
    ),
    { numRuns: 250 },
  );
});

test('any messages', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({ ...circumstances, sizes, messages: fc.array(messages, { minLength: 1, maxLength: 25 }) }),
      async ({ sizes: cuts, messages: list, ...run }) => {
        const frames = list.map((message) => {
          const body = Buffer.from(JSON.stringify(message));
          return run.binary ? binaryFrame(0, body) : jsonFrame(body);
        });
        await drive({ ...run, bytes: chunked(Buffer.concat(frames), cuts), requests: frames.length });
      },
    ),
    { numRuns: 200 },
  );
});

test('frames in order, then changed somewhere', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        ...circumstances,
        sizes,
        json: fc.array(messages, { maxLength: 8 }),
        native: fc.array(nativeFrames, { maxLength: 12 }),
        mutations: fc.array(mutation, { minLength: 1, maxLength: 5 }),
      }),
      async ({ sizes: cuts, json, native, mutations, ...run }) => {
        const frames = json.map((message) => {
          const body = Buffer.from(JSON.stringify(message));
          return run.binary ? binaryFrame(0, body) : jsonFrame(body);
        });
        const whole = Buffer.concat(run.binary ? [...frames, ...native] : frames);
        const bytes = mutations.reduce(mutate, whole);
        await drive({ ...run, bytes: chunked(bytes, cuts), requests: bytes.length });
      },
    ),
    { numRuns: 200 },
  );
});
