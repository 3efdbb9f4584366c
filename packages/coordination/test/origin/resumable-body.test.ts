import { seededRandom } from '@muster/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RequestFailure } from '../../src/origin/failure.ts';
import { TRANSIENT } from '../../src/origin/http.ts';
import { type BodyPart, resumableBody } from '../../src/origin/resumable-body.ts';
import { readAll } from '../support/origin-fixture.ts';

const CONTENT = Uint8Array.from({ length: 1_000 }, (_, index) => index % 251);

/** One answer: where it begins, how many bytes come, and whether it then breaks off or ends as if that were all. */
interface Answer {
  readonly start: number;
  readonly bytes: number;
  readonly isBroken: boolean;
  readonly size?: number | undefined;
}

async function* bodyOf({ start, bytes, isBroken }: Answer): AsyncGenerator<Uint8Array, void> {
  for (let at = start; at < start + bytes; at += 64)
    yield CONTENT.subarray(at, Math.min(at + 64, start + bytes));
  if (isBroken) throw new RequestFailure(TRANSIENT, 'broken');
}

function partOf(answer: Answer): BodyPart {
  return { body: bodyOf(answer), start: answer.start, size: 'size' in answer ? answer.size : CONTENT.length };
}

function reading(offset: number, first: Answer, next: (from: number, index: number) => Answer) {
  const seen = { pauses: [] as number[], from: [] as number[], bytes: 0, resumed: 0 };
  const body = resumableBody({
    first: partOf(first),
    offset,
    reopen: async (from) => partOf(next(from, seen.from.push(from) - 1)),
    timers: { sleep: async (ms) => void seen.pauses.push(ms) },
    random: seededRandom(3),
    signal: new AbortController().signal,
    onBytes: (bytes) => (seen.bytes += bytes),
    onResumed: () => (seen.resumed += 1),
  });
  return { seen, content: readAll(body) };
}

describe('resumableBody', () => {
  it('gives every byte once, wherever the answers begin and break off', async () => {
    const answer = fc.record({
      back: fc.nat(1_000),
      bytes: fc.integer({ min: 1, max: 1_000 }),
      isBroken: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.nat(999),
        fc.array(answer, { minLength: 3, maxLength: 3 }),
        async (offset, answers) => {
          const answerFrom = (from: number, index: number): Answer => {
            const { back, bytes, isBroken } = answers[index] ?? { back: 0, bytes: 1_000, isBroken: false };
            const start = Math.max(0, from - back);
            return { start, bytes: Math.min(bytes, CONTENT.length - start), isBroken };
          };
          const { seen, content } = reading(offset, answerFrom(offset, 0), (from, index) =>
            answerFrom(from, index + 1),
          );
          const result = await content.catch((error: unknown) => error);
          expect(seen.from).toEqual([...seen.from].sort((a, b) => a - b));
          if (result instanceof Uint8Array)
            expect(Buffer.from(CONTENT.subarray(offset)).equals(result)).toBe(true);
          else {
            expect(result).toBeInstanceOf(RequestFailure);
            expect(seen.from.length === 3 || offset === 0).toBe(true);
          }
        },
      ),
    );
  });

  it('takes an early end for no end', async () => {
    const { seen, content } = reading(0, { start: 0, bytes: 300, isBroken: false }, (start) => ({
      start,
      bytes: 1_000 - start,
      isBroken: false,
    }));
    expect(await content).toHaveLength(1_000);
    expect([seen.from, seen.resumed, seen.bytes]).toEqual([[300], 1, 1_000]);
  });

  it('ends where an answer of unknown size ends', async () => {
    const { seen, content } = reading(0, { start: 0, bytes: 300, isBroken: false, size: undefined }, () => {
      throw new Error('not asked again');
    });
    expect(await content).toHaveLength(300);
    expect(seen.from).toEqual([]);
  });

  it('is over at more bytes than there should be, without another try', async () => {
    const { seen, content } = reading(0, { start: 0, bytes: 1_000, isBroken: false, size: 500 }, () => {
      throw new Error('not asked again');
    });
    await expect(content).rejects.toThrow('exceeds');
    expect(seen.from).toEqual([]);
  });

  it('goes on to the next pause when nobody answers', async () => {
    const { seen, content } = reading(0, { start: 0, bytes: 10, isBroken: true }, (start, index) => {
      if (index < 2) throw new RequestFailure(TRANSIENT, 'nobody');
      return { start, bytes: 1_000 - start, isBroken: false };
    });
    expect(await content).toHaveLength(1_000);
    expect([seen.from, seen.resumed]).toEqual([[10, 10, 10], 1]);
    for (const [index, nominal] of [500, 2_000, 5_000].entries()) {
      expect(Math.abs((seen.pauses[index] as number) / nominal - 1)).toBeLessThanOrEqual(0.2);
    }
  });
});
