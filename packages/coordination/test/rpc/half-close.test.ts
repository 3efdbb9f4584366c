import { silentLogger } from '@muster/core';
import { Identity } from '@muster/core/identity';
import { ManualClock } from '@muster/core/testing';
import { expect, it } from 'vitest';
import { CoordClient } from '../../src/rpc/coord-client.ts';
import { decodeEnvelope, encodeEnvelope } from '../../src/wire/envelope.ts';
import { encodeFrame, FrameReader } from '../../src/wire/frame.ts';
import { PROTOCOL_ID } from '../../src/wire/messages.ts';
import { MemoryStreamNetwork } from '../support/memory-streams.ts';
import { testDigest } from '../support/vectors.ts';

it('a call is one write and the end of the own half: a peer may wait for both before it answers', async () => {
  const [self, peer] = [Identity.generate().peerId, Identity.generate().peerId];
  const clock = new ManualClock();
  const network = new MemoryStreamNetwork(clock);
  const chunks: Uint8Array[] = [];
  network.node(peer).serve(PROTOCOL_ID, async (stream) => {
    for (;;) {
      const chunk = await stream.read({ timeoutMs: 60_000 });
      if (chunk === undefined) break;
      chunks.push(chunk);
    }
    const results = [{ digest: testDigest(1), outcome: 0, failureClass: 0 }];
    const reply = { type: 'please_pull_response', message: { results } } as never;
    await stream.write(encodeFrame(encodeEnvelope(reply)), { timeoutMs: 1_000 });
    await stream.close();
  });
  const client = new CoordClient({
    streams: network.node(self),
    members: { self: () => 'n1', snapshot: () => [], bootstrapSnapshot: () => [] },
    clock,
    timers: clock,
    logger: silentLogger,
  });
  const job = { registry: 'r.example', repository: 'x/y', kind: 'blob', trigger: 'peer' } as const;
  const results = await client.pleasePull(peer, job, [testDigest(1)]);
  expect(results).toMatchObject([{ digest: testDigest(1), outcome: 'unspecified' }]);
  expect(chunks).toHaveLength(1);
  expect(decodeEnvelope(new FrameReader().push(chunks[0]!) ?? new Uint8Array())).toMatchObject({
    type: 'please_pull_request',
  });
});
