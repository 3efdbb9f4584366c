/** What operators find in the log (coordination spec 23): levels and fields, at the places that write them. */

import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { recordingLogger, type LogEntry } from '@muster/core';
import { ManualClock } from '@muster/core/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MirrorServer } from '../src/mirror/server/mirror-server.ts';
import { SelfAnnouncer } from '../src/members/kubernetes/self-announcer.ts';
import { RegistryTable } from '../src/origin/registry-table.ts';
import { StoreLayout } from '../src/store/layout.ts';
import { MemoryFiles } from '../src/store/memory-files.ts';
import { ObjectIndex } from '../src/store/object-index.ts';
import { scanStore } from '../src/store/scan.ts';
import { Sweeper } from '../src/store/sweep.ts';
import { pumpFixture } from './support/pump-fixture.ts';
import { serving, startPeer, startSessions, type PeerAnswer } from './support/session-harness.ts';
import { content } from './support/transfer-harness.ts';
import { testDigest } from './support/vectors.ts';

const { bytes, digest } = content(3_000_000);
const wrong = Buffer.from(bytes);
wrong[2_999_999] = (wrong[2_999_999] ?? 0) ^ 1;

const at = (entries: readonly LogEntry[], level: LogEntry['level']): LogEntry[] =>
  entries.filter((entry) => entry.level === level);

/** A mirror whose only peer answers so, and what is logged when a client has asked for the object. */
async function askThrough(answer: PeerAnswer) {
  const logger = recordingLogger();
  const harness = await startSessions({ parts: () => ({ logger }) });
  const peer = await startPeer('n1', answer);
  harness.lookups = [[peer.provider], []];
  const server = new MirrorServer(
    {
      ...harness.node,
      logger,
      sessions: harness.sessions,
      heads: { find: async () => Promise.reject(new Error('no HEAD here')) },
      registries: new RegistryTable([{ name: 'hub', endpoint: 'http://hub.test' }]),
      options: harness.node.settings,
    },
    { host: '127.0.0.1', port: 0 },
  );
  const { port } = await server.listen();
  server.openGate();
  onTestFinished(async () => {
    await harness.close();
    await server.close(100);
    await peer.close();
  });
  const path = `/v2/library/test/blobs/${digest}?ns=hub`;
  const outgoing = httpRequest({ host: '127.0.0.1', port, path, agent: false });
  outgoing.end();
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
  const got: Buffer[] = [];
  incoming.on('data', (chunk: Buffer) => got.push(chunk));
  const isWhole = await once(incoming, 'end').then(
    () => true,
    () => false,
  );
  return { entries: logger.entries, isWhole, got: Buffer.concat(got).length, peer: peer.provider };
}

describe('a digest mismatch', () => {
  it('is an error when bytes had reached a client, and names who sent them as a warning', async () => {
    const { entries, isWhole, got, peer } = await askThrough(serving(wrong));
    expect(isWhole).toBe(false);
    expect(got).toBeGreaterThan(0);
    expect(at(entries, 'error')).toMatchObject([
      {
        fields: {
          digest,
          registry: 'hub',
          repo: 'library/test',
          kind: 'blob',
          source: 'peer',
          bytes: expect.any(Number),
          err: { code: 'DIGEST_MISMATCH' },
        },
      },
    ]);
    expect(at(entries, 'warn')).toMatchObject([
      { fields: { digest, kind: 'blob', peer: peer.addr, node_id: 'n1', bytes: bytes.length, sources: 1 } },
    ]);
  });

  it('is a warning alone when the client has got none of them', async () => {
    const small = content(200_000, 9);
    const lie = Buffer.from(small.bytes);
    lie[0] = (lie[0] ?? 0) ^ 1;
    const logger = recordingLogger();
    const harness = await startSessions({ parts: () => ({ logger }) });
    const peer = await startPeer('n1', serving(lie));
    onTestFinished(async () => {
      await harness.close();
      await peer.close();
    });
    harness.lookups = [[peer.provider], []];
    const session = harness.sessions.fetch({
      digest: small.digest,
      kind: 'blob',
      registry: 'hub',
      repository: 'library/test',
    });
    await expect(session.done).rejects.toThrow();
    expect(at(logger.entries, 'warn')).toMatchObject([{ fields: { digest: small.digest, node_id: 'n1' } }]);
    expect(at(logger.entries, 'error')).toEqual([]);
  });

  it('of the origin is a pull that failed', async () => {
    const { pull, origin, logger } = await pumpFixture();
    const pulled = origin.add(bytes);
    origin.distort = async function* () {
      yield wrong;
    };
    await (
      await pull(pulled)
    ).end;
    expect(at(logger.entries, 'warn')).toMatchObject([
      { fields: { digest: pulled, failure_class: 'transient', err: { code: 'DIGEST_MISMATCH' } } },
    ]);
  });
});

describe('a pull from the origin', () => {
  it('is one line of information, with who wanted it, how much and how long', async () => {
    const { pull, origin, logger } = await pumpFixture();
    const pulled = origin.add(bytes);
    await (
      await pull(pulled, { trigger: 'prefetch' })
    ).end;
    const fields = { digest: pulled, registry: 'hub', repository: 'lib/n', kind: 'blob' };
    expect(at(logger.entries, 'info')).toMatchObject([
      { fields: { ...fields, bytes: bytes.length, elapsed_ms: expect.any(Number), trigger: 'prefetch' } },
    ]);
    expect(logger.entries.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
  });

  it('that failed is a warning, with its class', async () => {
    const { pull, logger } = await pumpFixture();
    await (
      await pull(testDigest(4))
    ).end;
    const fields = { digest: testDigest(4), registry: 'hub', repository: 'lib/n', kind: 'blob' };
    expect(at(logger.entries, 'warn')).toMatchObject([
      { fields: { ...fields, failure_class: 'not_found', status: 404, err: expect.any(Error) } },
    ]);
    expect(at(logger.entries, 'info')).toEqual([]);
  });
});

describe('the store', () => {
  it('warns of an object that had to leave, and of being over its budget with rare ones only', async () => {
    const index = new ObjectIndex();
    for (let object = 0; object < 3; object += 1) index.add(testDigest(object), 10, 0);
    const logger = recordingLogger();
    let free = 0;
    const sweeper = new Sweeper({
      index,
      policy: { budgetBytes: 15, headroomPercent: 50, providerThreshold: 3 },
      freeBytes: async () => free,
      remove: async (removed) => {
        index.delete(removed);
        free = 100;
      },
      providers: () => async () => 1,
      clusterSize: () => 10,
      now: () => 0,
      yieldTurn: async () => {},
      logger,
    });
    await sweeper.sweep();
    await sweeper.settled();
    const sorted = logger.entries.toSorted((a) => (a.fields['digest'] === undefined ? 1 : -1));
    expect(sorted).toMatchObject([
      {
        level: 'warn',
        fields: { digest: testDigest(0), provider_count: 1, bytes: 10, size_after: 20, budget: 15 },
      },
      { level: 'warn', fields: { bytes: 20, budget: 15 } },
    ]);
  });

  it('warns of every file that is no object', async () => {
    const files = new MemoryFiles({ now: () => 0 });
    const layout = new StoreLayout('/cache');
    await files.makeDirectory(`${layout.objects}/ab`);
    files.put(`${layout.objects}/ab/readme.txt`, Buffer.from('hello'));
    const logger = recordingLogger();
    expect(await scanStore(files, layout, logger)).toEqual([]);
    expect(logger.entries).toMatchObject([
      { level: 'warn', fields: { path: `${layout.objects}/ab/readme.txt` } },
    ]);
  });
});

it('every try to announce oneself that failed is a warning', async () => {
  const logger = recordingLogger();
  const clock = new ManualClock();
  const announcer = new SelfAnnouncer({
    api: { annotatePod: async () => Promise.reject(new Error('forbidden')) },
    namespace: 'gantry',
    podName: 'a',
    announcement: () => ({ transferAddress: '', peerId: 'P', p2pAddresses: [] }),
    seen: () => undefined,
    timers: clock,
    logger,
  });
  announcer.start();
  await expect
    .poll(() => {
      clock.advance(1_000);
      return logger.entries.length;
    })
    .toBeGreaterThanOrEqual(2);
  await announcer.stop();
  expect(logger.entries.slice(0, 2)).toMatchObject([
    { level: 'warn', fields: { subsystem: 'members', retry_ms: 1_000, err: { message: 'forbidden' } } },
    { level: 'warn', fields: { subsystem: 'members', retry_ms: 2_000 } },
  ]);
});
