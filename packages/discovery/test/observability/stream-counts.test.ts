import { describe, expect, test } from 'vitest';
import { countedOverlay, StreamCounts } from '../../src/observability/index.ts';
import type { Overlay } from '../../src/overlay/overlay.ts';
import { PROTOCOLS } from '../../src/wire/protocols.ts';
import { MemoryNetwork } from '../support/memory-overlay.ts';
import { INDEXER, SELF } from '../support/status-source.ts';

const DEADLINE = { timeoutMs: 1_000 };

interface Counted {
  readonly overlay: Overlay;
  readonly counts: StreamCounts;
}

function counted(overlay: Overlay): Counted {
  const counts = new StreamCounts();
  return { overlay: countedOverlay(overlay, counts), counts };
}

function setUp(): { caller: Counted; server: Counted } {
  const network = new MemoryNetwork();
  return { caller: counted(network.overlay(SELF)), server: counted(network.overlay(INDEXER)) };
}

describe('streams and messages', () => {
  test('are counted on both sides, by protocol, while they are open and after', async () => {
    const { caller, server } = setUp();
    server.overlay.handle(PROTOCOLS.witness, async (stream) => {
      const question = await stream.read({ ...DEADLINE, maxBytes: 1_000 });
      await stream.write({ question }, DEADLINE);
      await stream.write({ more: true }, DEADLINE);
      await stream.close();
    });
    const to = { ID: INDEXER, Addrs: server.overlay.addresses() };
    const stream = await caller.overlay.open(to, PROTOCOLS.witness, DEADLINE);
    expect(caller.counts.list()).toMatchObject([{ open: 1, total: 1, framesOut: 0 }]);
    await stream.write({ asks: 1 }, DEADLINE);
    expect(await stream.read({ ...DEADLINE, maxBytes: 1_000 })).toEqual({ question: { asks: 1 } });
    await stream.read({ ...DEADLINE, maxBytes: 1_000 });
    expect(await stream.read({ ...DEADLINE, maxBytes: 1_000 })).toBeUndefined();
    await stream.close();
    await stream.ended;
    const figures = { protocol: PROTOCOLS.witness, open: 0, total: 1 };
    await expect
      .poll(() => caller.counts.list())
      .toEqual([{ ...figures, direction: 'outbound', framesOut: 1, framesIn: 2 }]);
    await expect
      .poll(() => server.counts.list())
      .toEqual([{ ...figures, direction: 'inbound', framesOut: 2, framesIn: 1 }]);
  });

  test('that could not be opened are not counted', async () => {
    const { caller, server } = setUp();
    const to = { ID: INDEXER, Addrs: server.overlay.addresses() };
    await expect(caller.overlay.open(to, PROTOCOLS.get, DEADLINE)).rejects.toThrow();
    expect(caller.counts.list()).toEqual([]);
  });
});

test('the rest of the overlay is the same', async () => {
  const network = new MemoryNetwork();
  const inner = network.overlay(SELF);
  const { overlay } = counted(inner);
  expect(overlay.self).toBe(SELF);
  expect(overlay.addresses()).toEqual(inner.addresses());
  expect(overlay.dht).toBe(inner.dht);
  expect(overlay.gossip).toBe(inner.gossip);
  expect(overlay.connections()).toEqual([]);
});
