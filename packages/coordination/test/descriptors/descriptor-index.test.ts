import { recordingLogger, silentLogger } from '@muster/core';
import { ManualClock } from '@muster/core/testing';
import { describe, expect, it } from 'vitest';
import { DescriptorIndex } from '../../src/descriptors/descriptor-index.ts';
import { putObject } from '../support/store-contract.ts';
import { memoryStore } from '../support/stores.ts';
import { testDigest } from '../support/vectors.ts';

const manifest = Buffer.from(
  JSON.stringify({
    config: { digest: testDigest(1), size: 10, mediaType: 'application/vnd.oci.image.config.v1+json' },
    layers: [{ digest: testDigest(2), size: 20 }],
  }),
);

describe('DescriptorIndex', () => {
  it('learns sizes, kinds, media types and places from manifests', () => {
    const index = new DescriptorIndex({ logger: silentLogger });
    expect(index.learnManifest(manifest, { registry: 'r', repository: 'x/y' })).toBe(2);
    expect(index.get(testDigest(1))).toEqual({
      size: 10,
      kind: 'config',
      mediaType: 'application/vnd.oci.image.config.v1+json',
      registry: 'r',
      repository: 'x/y',
    });
    expect(index.sizeOf(testDigest(2))).toBe(20);
    expect(index.get(testDigest(3))).toBeUndefined();
    index.learnManifest(manifest);
    expect(index.get(testDigest(2))).toMatchObject({ registry: 'r', kind: 'blob' });
  });

  it.each(['', 'x', '{', '[]', '{"layers":7}', '{"layers":[null,{"digest":3}]}'])(
    'passes over %j',
    (body) => {
      const index = new DescriptorIndex({ logger: silentLogger });
      expect(index.learnManifest(Buffer.from(body))).toBe(0);
      expect(index.count).toBe(0);
    },
  );

  it('forgets what was not used for longest', () => {
    const index = new DescriptorIndex({ logger: silentLogger, capacity: 2 });
    index.learn(testDigest(1), { size: 1 });
    index.learn(testDigest(2), { size: 2 });
    index.get(testDigest(1));
    index.learn(testDigest(3), { size: 3 });
    expect(index.get(testDigest(2))).toBeUndefined();
    expect(index.get(testDigest(1))).toEqual({ size: 1 });
    expect(index.count).toBe(2);
  });

  it('believes bodies more than manifests, and says so once', () => {
    const logger = recordingLogger();
    const index = new DescriptorIndex({ logger });
    index.verified(testDigest(1), 5);
    index.learn(testDigest(1), { size: 6, kind: 'blob' });
    index.verified(testDigest(1), 5);
    expect(index.get(testDigest(1))).toEqual({ size: 5, kind: 'blob' });
    index.learn(testDigest(1), { size: 7 });
    index.verified(testDigest(1), 5);
    expect(logger.entries).toMatchObject([{ level: 'warn', fields: { said: 6, size: 5 } }]);
  });

  it('looks through a store without changing its order', async () => {
    const { store, files } = await memoryStore();
    await putObject(store, manifest);
    await putObject(store, 'not a manifest');
    await putObject(store, '{ broken');
    const before = [...store.inventory()];
    const index = new DescriptorIndex({ logger: silentLogger });
    const timers = new ManualClock();
    await index.scan(store, { timers, signal: AbortSignal.abort() });
    expect(index.count).toBe(0);
    await index.scan(store, { timers, signal: new AbortController().signal });
    expect(index.count).toBe(2);
    expect([...store.inventory()]).toEqual(before);
    files.beforeEach = () => {
      throw Object.assign(new Error('EIO'), { code: 'EIO' });
    };
    await index.scan(store, { timers, signal: new AbortController().signal });
  });
});
