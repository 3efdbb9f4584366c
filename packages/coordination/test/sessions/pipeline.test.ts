import { silentLogger } from '@muster/core';
import { afterEach, describe, expect, it } from 'vitest';
import type { Resolution } from '../../src/cold-start/resolution.ts';
import { TransferServer } from '../../src/transfer/server/transfer-server.ts';
import type { Provider } from '../../src/types.ts';
import { startSessions, type SessionHarness } from '../support/session-harness.ts';
import { collect, content } from '../support/transfer-harness.ts';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function startNode(id: string): Promise<{ harness: SessionHarness; provider: Provider }> {
  const harness = await startSessions();
  const { node } = harness;
  const server = new TransferServer(
    { ...node, logger: silentLogger, options: node.settings },
    { host: '127.0.0.1', port: 0 },
  );
  const { port } = await server.listen();
  cleanups.push(async () => {
    await harness.close();
    await server.close(node.timers, 100);
  });
  return { harness, provider: { nodeId: id, addr: `127.0.0.1:${port}` } };
}

function tail(provider: Provider): () => Promise<Resolution> {
  const resolution = (): Resolution => ({
    how: 'tail',
    provider,
    outcome: 'rule7',
    resume: async () => resolution(),
  });
  return async () => resolution();
}

const { bytes, digest } = content(8_000_000);
const request = { digest, kind: 'blob', registry: 'hub', repository: 'library/test' } as const;

describe('a pull, and nodes that follow it in a row', () => {
  it('passes the bytes on while they come in', async () => {
    const nodes = await Promise.all(['n1', 'n2', 'n3', 'n4'].map(startNode));
    const [puller, ...followers] = nodes;
    if (puller === undefined) throw new Error('no node');
    const download = await puller.harness.node.downloads.open(digest, { kind: 'blob' });
    const feeder = download.feed();
    feeder?.setSize(bytes.length);
    const sessions = followers.map(({ harness }, index) => {
      harness.cascade = [tail((nodes[index] as { provider: Provider }).provider)];
      return harness.sessions.fetch(request);
    });
    const bodies = Promise.all(sessions.map(async (session) => collect(session.read())));
    await feeder?.write(bytes.subarray(0, 4_000_000));
    // All have the first half before the second half exists.
    await expect
      .poll(() => sessions.every(({ receivedBytes }) => receivedBytes >= 3_900_000), { timeout: 20_000 })
      .toBe(true);
    expect(download.receivedBytes).toBe(4_000_000);
    await feeder?.write(bytes.subarray(4_000_000));
    await feeder?.complete();
    for (const body of await bodies) expect(body.equals(bytes)).toBe(true);
    expect(followers.every(({ harness }) => harness.cascades.length === 1)).toBe(true);
  });

  it('wrong bytes end nowhere', async () => {
    const nodes = await Promise.all(['n1', 'n2', 'n3'].map(startNode));
    const [puller, ...followers] = nodes;
    const download = await puller?.harness.node.downloads.open(digest, { kind: 'blob' });
    const feeder = download?.feed();
    feeder?.setSize(bytes.length);
    const received = followers.map(() => 0);
    const readings = followers.map(async ({ harness }, index) => {
      harness.cascade = [tail((nodes[index] as { provider: Provider }).provider)];
      for await (const chunk of harness.sessions.fetch(request).read()) {
        received[index] = (received[index] ?? 0) + chunk.length;
      }
    });
    const ended = Promise.allSettled(readings);
    const wrong = Buffer.from(bytes);
    wrong[0] = (wrong[0] ?? 0) ^ 1;
    await feeder?.write(wrong);
    await expect(feeder?.complete()).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    download?.fail(new Error('given up'));
    for (const { harness } of followers) await harness.sessions.close();
    for (const { status } of await ended) expect(status).toBe('rejected');
    for (const count of received) expect(count).toBeLessThan(bytes.length);
  });
});
