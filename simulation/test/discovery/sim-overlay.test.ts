import { errorCode } from '@muster/core';
import type { FrameStream, PeerEvent } from '@muster/discovery';
import { describe, expect, test } from 'vitest';
import { SimOverlay } from '../../discovery/sim-overlay.ts';
import { isolation, link, oneWay } from '../../network/index.ts';
import { outcomeOf, overlays } from './two-overlays.ts';

const PROTOCOL = '/test/1.0';
const MAX = { timeoutMs: 5_000, maxBytes: 1_000 };
const SOON = { timeoutMs: 10_000 };

async function echoing(stream: FrameStream): Promise<void> {
  for (;;) {
    const value = await stream.read({ timeoutMs: 600_000, maxBytes: 10_000 });
    if (value === undefined) return stream.close();
    await stream.write(value as object, SOON);
  }
}

describe('streams', () => {
  test('frames arrive in order, as copies, after the latency of the way', async () => {
    const { sim, node, info } = await overlays(2, { coreMs: 10, accessMs: [5, 5] });
    const received: unknown[] = [];
    node(1).handle(PROTOCOL, async (stream) => {
      for (;;) {
        const value = await stream.read(MAX);
        if (value === undefined) return;
        received.push(value);
      }
    });
    const sent = { n: 0 };
    const done = (async () => {
      const stream = await node(0).open(info(1), PROTOCOL, SOON);
      for (sent.n = 0; sent.n < 20; sent.n++) await stream.write(sent, SOON);
      await stream.close();
      return sim.now;
    })();
    const outcome = outcomeOf(done);
    await sim.runFor(2_000);
    expect(received).toEqual(Array.from({ length: 20 }, (_, n) => ({ n })));
    // Four round trips of 40 ms for the connection, one for the stream.
    expect(outcome.value).toBeGreaterThanOrEqual(200);
    expect(outcome.value).toBeLessThan(220);
    expect(node(1).openStreams).toBe(0);
    expect(node(0).openStreams).toBe(0);
    expect(node(0).counters.of(PROTOCOL).framesOut).toBe(20);
    expect(node(1).counters.of(PROTOCOL).bytesIn).toBe(node(0).counters.of(PROTOCOL).bytesOut);
  });

  test('loss delays frames and never reorders them', async () => {
    const { sim, node, info } = await overlays(2, { loss: 0.2, jitterMs: 5 });
    const received: unknown[] = [];
    node(1).handle(PROTOCOL, async (stream) => {
      for (;;) {
        const value = await stream.read({ ...MAX, timeoutMs: 600_000 });
        if (value === undefined) return;
        received.push((value as { n: number }).n);
      }
    });
    const writing = (async () => {
      const stream = await node(0).open(info(1), PROTOCOL, { timeoutMs: 60_000 });
      for (let n = 0; n < 200; n++) {
        await stream.write({ n }, SOON);
        await node(0).process.sleep(50);
      }
      await stream.closeWrite();
    })();
    const outcome = outcomeOf(writing);
    await sim.runFor(120_000);
    expect(outcome.error).toBeUndefined();
    expect(received).toEqual(Array.from({ length: 200 }, (_, n) => n));
  });

  test('reads time out and leave the stream usable; long and broken frames are refused', async () => {
    const { sim, node, info } = await overlays(2);
    node(1).handle(PROTOCOL, echoing);
    const run = outcomeOf(
      (async () => {
        const codes: unknown[] = [];
        const stream = await node(0).open(info(1), PROTOCOL, SOON);
        await stream.read({ timeoutMs: 100, maxBytes: 100 }).catch((error) => codes.push(errorCode(error)));
        await stream.write({ text: 'x'.repeat(500) }, SOON);
        await stream.read({ timeoutMs: 1_000, maxBytes: 100 }).catch((error) => codes.push(errorCode(error)));
        await stream.write({ ok: true }, SOON);
        codes.push(await stream.read(MAX));
        stream.reset();
        await stream.write({}, SOON).catch((error) => codes.push(errorCode(error)));
        return codes;
      })(),
    );
    await sim.runFor(10_000);
    expect(run.value).toEqual(['STREAM_TIMEOUT', 'FRAME_TOO_LARGE', { ok: true }, 'STREAM_RESET']);
  });

  test('an unserved protocol, a dead process and a wrong address are told apart from a refusal', async () => {
    const { sim, node, info } = await overlays(3);
    node(2).process.kill();
    node(0).refuse((peer) => peer === node(1).self);
    const codes: unknown[] = [];
    const attempt = (promise: Promise<unknown>): void =>
      void promise.catch((error) => codes.push(errorCode(error)));
    attempt(node(1).open({ ID: node(0).self, Addrs: ['/ip4/20.9.9.9/tcp/1'] }, PROTOCOL, SOON));
    await sim.runFor(1_000);
    attempt(node(0).open(info(1), PROTOCOL, SOON));
    await sim.runFor(1_000);
    attempt(node(0).open(info(2), PROTOCOL, SOON));
    await sim.runFor(1_000);
    attempt(node(1).open(info(0), PROTOCOL, SOON));
    await sim.runFor(1_000);
    node(0).refuse(() => false);
    attempt(node(0).open(info(1), PROTOCOL, SOON));
    await sim.runFor(1_000);
    expect(codes).toEqual([
      'DIAL_FAILED',
      'DIAL_REFUSED',
      'DIAL_FAILED',
      'DIAL_FAILED',
      'PROTOCOL_UNSUPPORTED',
    ]);
  });

  test('the handler ends with the stream: what it leaves open is reset', async () => {
    const { sim, node, info } = await overlays(2);
    node(1).handle(PROTOCOL, async () => {});
    const run = outcomeOf(
      (async () => {
        const stream = await node(0).open(info(1), PROTOCOL, SOON);
        return stream.read(MAX);
      })(),
    );
    await sim.runFor(5_000);
    expect(errorCode(run.error)).toBe('STREAM_RESET');
  });

  test('an aborted signal ends a wait with its reason', async () => {
    const { sim, node, info } = await overlays(2);
    node(1).handle(PROTOCOL, echoing);
    const controller = new AbortController();
    const run = outcomeOf(
      (async () => {
        const stream = await node(0).open(info(1), PROTOCOL, SOON);
        return stream.read({ ...MAX, signal: controller.signal });
      })(),
    );
    await sim.runFor(1_000);
    controller.abort(new Error('stopped'));
    await sim.runFor(1);
    expect(run.error).toEqual(new Error('stopped'));
  });
});

describe('faults', () => {
  const beat = async (stream: FrameStream, n: number): Promise<unknown> => {
    await stream.write({ n }, SOON);
    return stream.read(MAX);
  };

  test('a short cut delays; a long one resets both ends', async () => {
    const { sim, network, node, info } = await overlays(2, { resetAfterMs: 30_000 });
    node(1).handle(PROTOCOL, echoing);
    const opened = outcomeOf(node(0).open(info(1), PROTOCOL, SOON));
    await sim.runFor(1_000);
    const stream = opened.value as FrameStream;
    const short = network.cut(link(node(0).self, node(1).self));
    const first = outcomeOf(beat(stream, 1));
    await sim.runFor(2_000);
    short.heal();
    await sim.runFor(3_000);
    expect(first.value).toEqual({ n: 1 });
    const long = network.cut(isolation(node(1).self));
    const second = outcomeOf(beat(stream, 2));
    await sim.runFor(31_000);
    long.heal();
    expect(errorCode(second.error)).toBe('STREAM_TIMEOUT');
    expect(node(0).isConnected(node(1).self)).toBe(false);
    const third = outcomeOf(stream.write({}, SOON));
    await sim.runFor(100);
    expect(errorCode(third.error)).toBe('STREAM_RESET');
  });

  test('a one-way cut stops one direction only', async () => {
    const { sim, network, node, info } = await overlays(2);
    const received: unknown[] = [];
    node(1).handle(PROTOCOL, async (stream) => {
      void stream.read({ ...MAX, timeoutMs: 60_000 }).then((value) => received.push(value));
      await stream.write({ hello: 1 }, SOON);
      await node(1).process.sleep(60_000);
    });
    const opened = outcomeOf(node(0).open(info(1), PROTOCOL, SOON));
    await sim.runFor(1_000);
    const stream = opened.value as FrameStream;
    network.cut(oneWay([node(0).self], [node(1).self]));
    await stream.write({ lost: true }, SOON);
    const read = outcomeOf(stream.read(MAX));
    await sim.runFor(10_000);
    expect(read.value).toEqual({ hello: 1 });
    expect(received).toEqual([]);
  });

  test('a paused process keeps its streams and answers when it goes on', async () => {
    const { sim, node, info } = await overlays(2);
    node(1).handle(PROTOCOL, echoing);
    const opened = outcomeOf(node(0).open(info(1), PROTOCOL, SOON));
    await sim.runFor(1_000);
    const stream = opened.value as FrameStream;
    node(1).process.pause();
    const silent = outcomeOf(beat(stream, 1));
    await sim.runFor(60_000);
    expect(errorCode(silent.error)).toBe('STREAM_TIMEOUT');
    expect(node(0).isConnected(node(1).self)).toBe(true);
    const late = outcomeOf(stream.read(MAX));
    node(1).process.resume();
    await sim.runFor(1_000);
    expect(late.value).toEqual({ n: 1 });
  });

  test('a killed process resets its connections', async () => {
    const { sim, network, node, info } = await overlays(2);
    node(1).handle(PROTOCOL, echoing);
    const opened = outcomeOf(node(0).open(info(1), PROTOCOL, SOON));
    await sim.runFor(1_000);
    const read = outcomeOf((opened.value as FrameStream).read({ ...MAX, timeoutMs: 60_000 }));
    network.kill(node(1).self);
    await sim.runFor(100);
    expect(errorCode(read.error)).toBe('STREAM_RESET');
    expect(node(0).isConnected(node(1).self)).toBe(false);
  });
});

test('both sides hear of connections and of what the other serves, and of later changes', async () => {
  const { sim, node, info } = await overlays(2);
  const events: PeerEvent[] = [];
  node(0).onPeer((event) => events.push(event));
  node(1).handle(PROTOCOL, echoing);
  void node(0).open(info(1), PROTOCOL, SOON);
  await sim.runFor(1_000);
  node(1).handle('/later/1.0', echoing);
  await sim.runFor(2_000);
  void node(1).stop();
  await sim.runFor(100);
  expect(events.map(({ kind }) => kind)).toEqual(['connected', 'identified', 'identified', 'disconnected']);
  expect(node(1).protocols(node(0).self)).toBeUndefined();
  expect(events[2]).toMatchObject({ protocols: expect.arrayContaining(['/later/1.0']) as unknown });
});

test('an echo takes the round trip and the transfer', async () => {
  const { sim, node, info } = await overlays(2, { coreMs: 10, accessMs: [5, 5], bandwidthMbps: 10 });
  const small = outcomeOf(node(0).echo(info(1), 1_000, SOON));
  await sim.runFor(1_000);
  const large = outcomeOf(node(0).echo(info(1), 65_536, SOON));
  await sim.runFor(1_000);
  expect(small.value).toBeCloseTo(41.6, 1);
  expect(large.value).toBeCloseTo(40 + (2 * 65_536 * 8) / 10_000, 1);
});

test('idle connections over the limit are closed, the oldest first; streams and protected peers keep theirs', async () => {
  const { sim, network, nodes, info } = await overlays(6);
  const hub = new SimOverlay({
    network,
    process: sim.process('hub'),
    peer: 'hub',
    addresses: ['/ip4/20.1.1.1/tcp/1'],
    maxConnections: 3,
  });
  await hub.start();
  for (const [index, { self }] of nodes.entries()) {
    nodes[index]?.handle(PROTOCOL, echoing);
    if (index === 0) hub.protect(self, true);
    if (index === 1) void hub.open(info(1), PROTOCOL, SOON);
    else hub.connected(info(index), () => {});
    await sim.runFor(1_000);
  }
  expect(hub.connections().map(({ peer }) => nodes.findIndex(({ self }) => self === peer))).toEqual([
    0, 1, 5,
  ]);
});
