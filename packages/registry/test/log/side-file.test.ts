import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FaultStorage } from '@muster/core/testing';
import { readSideFile, writeSideFile } from '../../src/log/index.ts';
import { crashesAfter } from './support/scenario.ts';

const PATH = '/data/seen';

async function storage(): Promise<FaultStorage> {
  const fresh = new FaultStorage();
  await fresh.makeDirectory('/data');
  return fresh;
}

describe('a side file', () => {
  it('gives back what was written, and nothing where there is none', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 3000 }),
        fc.integer({ min: 0, max: 65_535 }),
        async (bytes, version) => {
          const files = await storage();
          expect(await readSideFile(files, PATH, 'seen')).toBeUndefined();
          await writeSideFile(files, PATH, { kind: 'seen', version }, bytes);
          const read = await readSideFile(files, PATH, 'seen');
          expect(read?.version).toBe(version);
          expect(Buffer.compare(read?.content ?? Buffer.from('-'), bytes)).toBe(0);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('is the old one or the new one after any crash, whole, and the new one once it was written', async () => {
    const files = await storage();
    const contents = ['first', 'the second', 'third'];
    const ends: number[] = [];
    for (const content of contents) {
      await writeSideFile(files, PATH, { kind: 'seen', version: 1 }, Buffer.from(content));
      ends.push(files.journal.length);
    }
    for (let count = 1; count <= files.journal.length; count++) {
      const certain = ends.filter((end) => end <= count).length;
      for (const mode of crashesAfter(files.journal[count - 1], count)) {
        const after = new FaultStorage({ disk: files.diskAfter(count).crash(mode) });
        const read = await readSideFile(after, PATH, 'seen');
        const index = read === undefined ? -1 : contents.indexOf(Buffer.from(read.content).toString());
        expect(index, `${count} ${JSON.stringify(mode)}`).toBeGreaterThanOrEqual(certain - 1);
        await writeSideFile(after, PATH, { kind: 'seen', version: 1 }, Buffer.from('again'));
      }
    }
  });

  it('that is damaged in any bit or cut anywhere is refused', async () => {
    const files = await storage();
    await writeSideFile(files, PATH, { kind: 'seen', version: 1 }, Buffer.from('some content'));
    const whole = new Uint8Array(files.disk.contents(PATH) ?? []);
    const file = await files.open(PATH, 'write');
    for (let at = 0; at < whole.length; at++) {
      const bytes = new Uint8Array(whole);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
      await file.write(0, bytes);
      await expect(readSideFile(files, PATH, 'seen'), `byte ${at}`).rejects.toMatchObject({
        code: 'SIDE_FILE_CORRUPT',
      });
    }
    await file.write(0, whole);
    for (let length = whole.length - 1; length >= 0; length--) {
      await file.truncate(length);
      await expect(readSideFile(files, PATH, 'seen'), `cut to ${length}`).rejects.toMatchObject({
        code: 'SIDE_FILE_CORRUPT',
        details: { file: PATH },
      });
    }
  });

  it('of another kind is refused', async () => {
    const files = await storage();
    await writeSideFile(files, PATH, { kind: 'seen', version: 1 }, Buffer.from('x'));
    await expect(readSideFile(files, PATH, 'other')).rejects.toMatchObject({ code: 'SIDE_FILE_CORRUPT' });
  });
});
