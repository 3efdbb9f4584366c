import { silentLogger, systemClock, systemTimers } from '@muster/core';
import { seededRandom } from '@muster/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { ColdStart } from '../../src/cold-start/cascade.ts';
import { DescriptorIndex } from '../../src/descriptors/descriptor-index.ts';
import { NegativeCache } from '../../src/negative-cache/negative-cache.ts';
import { openRegistryOrigins } from '../../src/origin/registry-origins.ts';
import { RegistryTable } from '../../src/origin/registry-table.ts';
import { PullPump } from '../../src/pump/pull-pump.ts';
import type { FetchSessions } from '../../src/sessions/fetch-sessions.ts';
import { Suppressions } from '../../src/sessions/suppression.ts';
import { idle } from '../support/cascade-harness.ts';
import { clusterNode } from '../support/election-models.ts';
import { OriginServer } from '../../../../benchmarks/coordination/lab/origin-server.ts';
import { startSessions } from '../support/session-harness.ts';
import { collect, content } from '../support/transfer-harness.ts';

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

/** The real cascade and the real pump of a node that is alone. */
async function start() {
  const origin = await OriginServer.start();
  const common = { clock: systemClock, timers: systemTimers, logger: silentLogger, random: seededRandom(1) };
  const discovery = { findProviders: async () => [], health: () => 1, provide: async () => {} };
  let sessions: FetchSessions | undefined;
  const harness = await startSessions({
    nodes: [clusterNode('n0')],
    parts: async (node) => {
      const { origins, close } = await openRegistryOrigins({
        ...common,
        table: new RegistryTable([{ name: 'hub', endpoint: origin.url }]),
        credentials: { version: async () => '', read: async () => '' },
        events: node.events,
        settings: node.settings,
        version: '0',
      });
      const failures = new NegativeCache(node.settings);
      const negative = {
        lookup: (digest: Parameters<typeof failures.lookup>[0]) => failures.lookup(digest, Date.now()),
      };
      const pull = new PullPump({
        ...node,
        ...common,
        origins,
        negative: failures,
        descriptors: new DescriptorIndex({ logger: silentLogger }),
        discovery,
        copyFromPeers: async (request, signal) => sessions?.copyFromPeers(request, signal),
        isFollowed: (digest) => sessions?.isFollowed(digest) === true,
        options: node.settings,
      });
      cleanups.push(async () => pull.stop(100), close);
      const coldStart = new ColdStart({
        ...node,
        ...common,
        coordinator: {
          pullIntent: async () => idle(),
          pleasePull: async () => [],
        },
        local: {
          localPullIntent: async (digest) => {
            const entry = failures.lookup(digest, Date.now());
            const isRunning = node.inflight.lookup(digest, Date.now()) !== undefined;
            if (entry === undefined) return idle({ inFlight: isRunning });
            const { failureClass, cooldownUntil } = entry;
            return idle({ recentlyFailed: true, failureClass, cooldownUntil });
          },
          startLocalPull: async (job, digests) =>
            Promise.all(
              digests.map(async (digest) => {
                const { kind } = await pull.pump({ ...job, digest });
                return {
                  digest,
                  outcome: kind === 'declined' ? 'unspecified' : 'started',
                  failureClass: '',
                } as const;
              }),
            ),
        },
        discovery,
        suppression: new Suppressions(systemClock, () => undefined),
        options: node.settings,
      });
      return { coldStart, negative, inflight: node.inflight };
    },
  });
  sessions = harness.sessions;
  cleanups.push(
    async () => origin.close(),
    async () => harness.close(),
  );
  return { origin, harness };
}

describe('a node that is alone', () => {
  const { bytes, digest } = content(3_000_000);
  const request = { digest, kind: 'blob', registry: 'hub', repository: 'library/test' } as const;

  it('reads an object from the origin once, for all who ask', async () => {
    const { origin, harness } = await start();
    origin.add(bytes);
    const bodies = await Promise.all(
      Array.from({ length: 20 }, async () => collect(harness.sessions.fetch(request).read())),
    );
    expect(bodies.every((body) => body.equals(bytes))).toBe(true);
    expect(origin.countsOf(digest).get).toBe(1);
  });

  it('resumes what breaks off', async () => {
    const { origin, harness } = await start();
    origin.add(bytes);
    origin.script(digest, { kind: 'cut', afterBytes: 1_500_000 });
    expect((await collect(harness.sessions.fetch(request).read())).equals(bytes)).toBe(true);
  });

  it('tells what the origin does not have, and does not ask again', async () => {
    const { origin, harness } = await start();
    await expect(harness.sessions.fetch(request).done).rejects.toMatchObject({
      code: 'ORIGIN_FAILED',
      details: { failureClass: 'not_found' },
    });
    const asked = origin.countsOf(digest).get;
    await expect(harness.sessions.fetch(request).done).rejects.toMatchObject({
      code: 'FAILURE_SHORT_CIRCUIT',
    });
    expect(origin.countsOf(digest).get).toBe(asked);
    expect(harness.node.downloads.list()).toHaveLength(0);
    expect(harness.node.store.stats().openWriters).toBe(0);
  });

  it('wrong bytes of the origin reach nobody whole', async () => {
    const { origin, harness } = await start();
    origin.add(bytes);
    origin.script(digest, ...Array.from({ length: 10 }, () => ({ kind: 'corrupt', byte: 5 }) as const));
    let received = 0;
    const reading = (async () => {
      for await (const chunk of harness.sessions.fetch(request).read()) received += chunk.length;
    })();
    await expect(reading).rejects.toThrow();
    expect(received).toBeLessThan(bytes.length);
    expect(await harness.node.store.has(digest)).toBe(false);
  });
});
