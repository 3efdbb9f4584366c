import { describe, expect, it } from 'vitest';
import type { CopyFromPeers } from '../../src/pump/parts.ts';
import { FOLLOW_MS } from '../../src/pump/pull-run.ts';
import type { Provider } from '../../src/types.ts';
import { pumpFixture } from '../support/pump-fixture.ts';
import { patternBytes, readObject } from '../support/store-contract.ts';

const CONTENT = patternBytes(300_000);
const BETTER: Provider = { nodeId: 'better', addr: '10.0.0.2:5001' };

/** A pump with a node that was to pull rather than this one, and what comes of copying from it. */
async function scene() {
  const book: { better: Provider | undefined; copy: CopyFromPeers } = {
    better: BETTER,
    copy: async () => ({ lacking: [] }),
  };
  const copies: { readonly providers: readonly Provider[]; readonly isPartial: boolean }[] = [];
  let asked = 0;
  const fixture = await pumpFixture({
    betterPuller: async () => {
      asked += 1;
      return book.better;
    },
    copyFromPeers: async (request, signal) => {
      copies.push({ providers: request.providers, isPartial: request.isPartial === true });
      return book.copy(request, signal);
    },
  });
  const digest = fixture.origin.add(CONTENT);
  const give =
    (bytes: number): CopyFromPeers =>
    async () => {
      const feeder = fixture.downloads.get(digest)?.feed();
      if (feeder === undefined) return { lacking: [] };
      await feeder.write(CONTENT.subarray(feeder.offset, feeder.offset + bytes));
      if (feeder.offset === CONTENT.length) await feeder.complete();
      feeder.release();
      return { lacking: [] };
    };
  /** Lets time pass until the pull has ended; how long it took. */
  const ended = async (end: Promise<string>): Promise<{ readonly source: string; readonly ms: number }> => {
    const startedAt = fixture.clock.monotonic();
    const seen: { source?: string } = {};
    void end.then((text) => (seen.source = text));
    for (let step = 0; step < 10_000 && seen.source === undefined; step++) {
      fixture.clock.advance(250);
      await new Promise<void>((resolve) => void setImmediate(resolve));
    }
    return { source: seen.source ?? 'still running', ms: fixture.clock.monotonic() - startedAt };
  };
  return { ...fixture, book, digest, copies, give, ended, asked: () => asked };
}

describe('a pull that another node was to do', () => {
  it('follows that node instead of reading the origin a second time', async () => {
    const s = await scene();
    s.book.copy = s.give(CONTENT.length);
    const { end } = await s.pull(s.digest);
    expect((await s.ended(end)).source).toBe('peer');
    expect(s.origin.opened).toEqual([]);
    expect(s.copies).toContainEqual({ providers: [BETTER], isPartial: true });
    expect(await readObject(s.store, s.digest)).toHaveLength(CONTENT.length);
  });

  it('asks again as long as bytes come', async () => {
    const s = await scene();
    s.book.copy = s.give(100_000);
    const { end } = await s.pull(s.digest);
    expect((await s.ended(end)).source).toBe('peer');
    expect(s.copies).toHaveLength(3);
  });

  it('reads the origin when nobody else is at it, and when the other one stops', async () => {
    const alone = await scene();
    alone.book.better = undefined;
    const { end } = await alone.pull(alone.digest);
    expect(await alone.ended(end)).toMatchObject({ source: 'origin', ms: 250 });
    const left = await scene();
    left.book.copy = async () => {
      left.book.better = undefined;
      return { lacking: [] };
    };
    expect((await left.ended((await left.pull(left.digest)).end)).source).toBe('origin');
  });

  it('does not wait for ever for one that gives nothing', async () => {
    const s = await scene();
    const { source, ms } = await s.ended((await s.pull(s.digest)).end);
    expect(source).toBe('origin');
    expect(ms).toBeGreaterThanOrEqual(FOLLOW_MS);
    expect(ms).toBeLessThan(FOLLOW_MS + 5_000);
  });

  it('asks nobody as the last resort', async () => {
    const s = await scene();
    const { end } = await s.pull(s.digest, { trigger: 'fallback' });
    expect((await s.ended(end)).source).toBe('origin');
    expect(s.asked()).toBe(0);
  });
});
