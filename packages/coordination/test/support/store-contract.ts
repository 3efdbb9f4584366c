import { createCipheriv } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { digestOf } from '../../src/content-key.ts';
import type { ContentStore } from '../../src/parts.ts';
import type { FollowableWriter } from '../../src/store/store-writer.ts';
import type { ByteRange, Digest } from '../../src/types.ts';

/** Reads an object, or a part of it. */
export async function readObject(store: ContentStore, digest: Digest, range?: ByteRange): Promise<Buffer> {
  const { body } = await store.open(digest, range);
  return collect(body);
}

export async function collect(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk.slice());
  return Buffer.concat(chunks);
}

/** Puts content into a store, in one piece, under its own digest or another. */
export async function putObject(
  store: Pick<ContentStore, 'writer'>,
  content: Uint8Array | string,
  digest: Digest = digestOf(content),
): Promise<{ readonly digest: Digest; readonly isAdmitted: boolean }> {
  const bytes = Buffer.from(content);
  const writer = await store.writer(digest, { size: bytes.length });
  await writer.write(bytes);
  const { isAdmitted } = await writer.commit();
  return { digest, isAdmitted };
}

/** Bytes that differ everywhere, the same for the same seed. */
export function patternBytes(length: number, seed = 1): Buffer {
  const key = Buffer.alloc(16, seed);
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length));
}

export interface ContractStore extends ContentStore {
  writer(digest: Digest, hint?: { readonly size?: number }): Promise<FollowableWriter>;
}

/** What every content store does, wherever its bytes are. `open` gives an empty store with a budget of 10 MB. */
export function describeStoreContract(name: string, open: () => Promise<ContractStore>): void {
  describe(`${name} keeps the contract of a content store`, () => {
    it('gives back what was committed, whole and in parts', async () => {
      const store = await open();
      const content = patternBytes(1_500_000);
      const { digest, isAdmitted } = await putObject(store, content);
      expect(isAdmitted).toBe(true);
      expect(await store.has(digest)).toBe(true);
      expect(await store.size(digest)).toBe(content.length);
      expect((await readObject(store, digest)).equals(content)).toBe(true);
      for (const [start, end] of [
        [0, 0],
        [1, 600_000],
        [1_499_999, 1_499_999],
        [700_000, 9_000_000],
      ] as const) {
        expect(
          (await readObject(store, digest, { start, end })).equals(content.subarray(start, end + 1)),
        ).toBe(true);
      }
    });

    it('has the empty object', async () => {
      const store = await open();
      const { digest } = await putObject(store, '');
      expect(await readObject(store, digest)).toHaveLength(0);
      await expect(store.open(digest, { start: 0, end: 0 })).rejects.toMatchObject({
        code: 'RANGE_NOT_SATISFIABLE',
      });
    });

    it('refuses ranges that are not in the object, and what it does not have', async () => {
      const store = await open();
      const { digest } = await putObject(store, 'hello');
      for (const range of [
        { start: 5, end: 9 },
        { start: 3, end: 2 },
        { start: -1, end: 2 },
      ]) {
        await expect(store.open(digest, range)).rejects.toMatchObject({ code: 'RANGE_NOT_SATISFIABLE' });
      }
      await expect(store.open(digestOf('absent'))).rejects.toMatchObject({ code: 'CONTENT_NOT_FOUND' });
      expect(await store.has(digestOf('absent'))).toBe(false);
      expect(await store.size(digestOf('absent'))).toBeUndefined();
    });

    it('shows nothing before the commit, and nothing of what was aborted', async () => {
      const store = await open();
      const digest = digestOf('hello');
      const writer = await store.writer(digest);
      await writer.write(Buffer.from('hel'));
      expect(await store.has(digest)).toBe(false);
      await writer.write(Buffer.from('lo'));
      expect(writer.bytesWritten).toBe(5);
      await writer.abort();
      await writer.abort();
      expect(await store.has(digest)).toBe(false);
      expect([...store.inventory()]).toEqual([]);
      await expect(writer.write(Buffer.from('x'))).rejects.toThrow('ended');
      await expect(writer.commit()).rejects.toThrow('ended');
    });

    it('refuses bytes that are not those of the digest, and sizes that are not those announced', async () => {
      const store = await open();
      await expect(putObject(store, 'hallo', digestOf('hello'))).rejects.toMatchObject({
        code: 'DIGEST_MISMATCH',
      });
      const writer = await store.writer(digestOf('hello'), { size: 6 });
      await writer.write(Buffer.from('hello'));
      await expect(writer.commit()).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
      expect(await store.has(digestOf('hello'))).toBe(false);
    });

    it('lets two write the same object and counts it once', async () => {
      const store = await open();
      const digest = digestOf('hello');
      const writers = [await store.writer(digest), await store.writer(digest)];
      for (const writer of writers) await writer.write(Buffer.from('hello'));
      await Promise.all(writers.map(async (writer) => writer.commit()));
      expect([...store.inventory()]).toEqual([{ digest, size: 5 }]);
    });

    it('lists the most recently used object first', async () => {
      const store = await open();
      const digests: Digest[] = [];
      for (const content of ['a', 'b', 'c']) digests.push((await putObject(store, content)).digest);
      await readObject(store, digests[0] as Digest);
      await store.has(digests[1] as Digest);
      expect([...store.inventory()].map(({ digest }) => digest)).toEqual([
        digests[0],
        digests[2],
        digests[1],
      ]);
    });

    it('does not keep what is larger than its budget, but verifies and shows it to who follows', async () => {
      const store = await open();
      await putObject(store, 'small');
      const content = patternBytes(10_000_001);
      const writer = await store.writer(digestOf(content), { size: content.length });
      const follower = writer.follow();
      await writer.write(content);
      expect(await writer.commit()).toEqual({ size: content.length, isAdmitted: false });
      expect(await store.has(digestOf(content))).toBe(false);
      expect(await store.has(digestOf('small'))).toBe(true);
      const back = Buffer.alloc(content.length);
      expect(await follower.read(0, back)).toBe(content.length);
      expect(back.equals(content)).toBe(true);
      await follower.close();
    });

    it('lets writers be followed while they write', async () => {
      const store = await open();
      const writer = await store.writer(digestOf('hello'));
      const follower = writer.follow();
      await writer.write(Buffer.from('hel'));
      const back = Buffer.alloc(5);
      expect(await follower.read(0, back)).toBe(3);
      await writer.write(Buffer.from('lo'));
      await writer.commit();
      expect(await follower.read(1, back)).toBe(4);
      expect(back.subarray(0, 4).toString()).toBe('ello');
      await follower.close();
    });

    it('goes on reading an object that leaves meanwhile', async () => {
      const store = await open();
      const content = patternBytes(4_000_000);
      const { digest } = await putObject(store, content);
      const { body } = await store.open(digest);
      const reader = body[Symbol.asyncIterator]();
      const first = await reader.next();
      for (const seed of [2, 3, 4]) await putObject(store, patternBytes(3_000_000, seed));
      await expect.poll(async () => store.has(digest)).toBe(false);
      const rest = await collect({ [Symbol.asyncIterator]: () => reader });
      expect(Buffer.concat([first.value as Uint8Array, rest]).equals(content)).toBe(true);
    });
  });
}
