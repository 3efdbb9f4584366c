import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  factsOf,
  FLEET,
  makeImage,
  MEDIUM,
  MIB,
  multiPlatform,
  scaled,
  sharing,
  SMALL,
} from '../../../coordination/lab/images.ts';
import { keystream, keystreamBytes } from '../../../coordination/lab/keystream.ts';
import { streamObject } from '../../../coordination/lab/objects.ts';

describe('the key stream', () => {
  it('gives the same bytes from whatever position', () => {
    const whole = keystreamBytes('lab-a-0', 600_000);
    for (const start of [0, 1, 15, 16, 17, 262_143, 262_144, 300_001, 599_999]) {
      const part = Buffer.concat([...keystream('lab-a-0', start, 600_000)]);
      expect(part.equals(whole.subarray(start)), `from ${start}`).toBe(true);
    }
  });

  it('is another for another name, and the same in every run', () => {
    expect(keystreamBytes('lab-a-0', 64)).not.toEqual(keystreamBytes('lab-a-1', 64));
    const digest = createHash('sha256').update(keystreamBytes('lab-s-0', 1_000)).digest('hex');
    expect(digest).toMatchInlineSnapshot(
      `"52323004c98d605ae7d63a10e49615c01ba09457812f60389c0eaa09b1014930"`,
    );
  });

  it('makes objects whose digest is that of what they give', () => {
    const object = streamObject('big', 700_001, 'application/octet-stream');
    const hash = createHash('sha256');
    for (const chunk of object.read(0)) hash.update(chunk);
    expect(`sha256:${hash.digest('hex')}`).toBe(object.digest);
    expect(Buffer.concat([...object.read(700_000)]).length).toBe(1);
  });
});

describe('images of the laboratory', () => {
  it('have the sizes that the reports speak of', () => {
    const sum = ({ layers }: typeof SMALL) => layers.reduce((total, { size }) => total + size, 0) / MIB;
    expect([sum(SMALL), SMALL.layers.length]).toEqual([16, 3]);
    expect([sum(MEDIUM), MEDIUM.layers.length]).toEqual([1_024, 10]);
    expect([sum(FLEET), FLEET.layers.length]).toEqual([64, 6]);
  });

  it('count each digest once, and name the largest layer', () => {
    const tiny = scaled(SMALL, 0.001);
    const facts = factsOf(makeImage(tiny));
    expect(facts.digests).toHaveLength(5);
    expect(new Set(facts.digests).size).toBe(5);
    expect(facts.largest.size).toBe(Math.round(10 * MIB * 0.001));
    expect(facts.bytes).toBeGreaterThan(16 * MIB * 0.001);
  });

  it('share all but the last two layers with the next image', () => {
    const image = scaled(MEDIUM, 0.0001);
    const first = factsOf(makeImage(image)).digests;
    const next = factsOf(makeImage(sharing(image))).digests;
    expect(next.filter((digest) => first.includes(digest))).toHaveLength(8);
  });

  it('have a child for each of five platforms', () => {
    const image = makeImage(multiPlatform(scaled(SMALL, 0.001)));
    const index = JSON.parse(Buffer.concat([...image.root.read(0)]).toString()) as { manifests: unknown[] };
    expect(index.manifests).toHaveLength(5);
    // The index, five manifests and configs, two layers of all, and the first layer of each.
    expect(image.objects).toHaveLength(1 + 5 + 5 + 2 + 5);
  });
});
