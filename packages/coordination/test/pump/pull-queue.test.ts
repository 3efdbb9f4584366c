import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AGING_MS, PullQueue, type PullRequest } from '../../src/pump/pull-queue.ts';
import { testDigest } from '../support/vectors.ts';

interface Named extends PullRequest {
  readonly name: string;
}

let count = 0;
function pull(name: string, kind: PullRequest['kind'], size?: number, isPrefetch = false): Named {
  count += 1;
  return { name, digest: testDigest(count), kind, size, isPrefetch };
}

/** Fills the slots, puts the pulls into the queue, and takes them out at `later`. */
function orderOf(pulls: readonly Named[], later = 0): string[] {
  const queue = new PullQueue<Named>({ slots: 1, capacity: 64 });
  queue.admit(pull('first', 'blob'), 0);
  for (const waiting of pulls) expect(queue.admit(waiting, 0)).toBe('waiting');
  return pulls.map(() => queue.finished(later)?.name ?? 'none');
}

describe('PullQueue', () => {
  it('has slots, then places, then nothing', () => {
    const queue = new PullQueue<Named>({ slots: 2, capacity: 3 });
    const places = Array.from({ length: 7 }, () => queue.admit(pull('p', 'blob'), 0));
    expect(places).toEqual(['running', 'running', 'waiting', 'waiting', 'waiting', 'full', 'full']);
    expect([queue.running, queue.waiting]).toEqual([2, 3]);
  });

  it('orders by kind, blobs by known size, the unknown last, then by arrival', () => {
    const pulls = [
      pull('unknown 1', 'blob'),
      pull('big', 'blob', 9_000),
      pull('config 1', 'config', 9),
      pull('small 1', 'blob', 10),
      pull('unknown 2', 'blob'),
      pull('manifest', 'manifest', 50_000),
      pull('small 2', 'blob', 10),
      pull('config 2', 'config', 1),
    ];
    const expected = [
      'manifest',
      'config 1',
      'config 2',
      'small 1',
      'small 2',
      'big',
      'unknown 1',
      'unknown 2',
    ];
    expect(orderOf(pulls)).toEqual(expected);
  });

  it('puts prefetches behind, until somebody waits for them', () => {
    const early = pull('prefetched manifest', 'manifest', 1, true);
    const blob = pull('blob', 'blob');
    expect(orderOf([early, blob])).toEqual(['blob', 'prefetched manifest']);

    const queue = new PullQueue<Named>({ slots: 1, capacity: 8 });
    for (const one of [pull('first', 'blob'), early, blob]) queue.admit(one, 0);
    queue.urge(early.digest);
    expect(queue.finished(0)?.name).toBe('prefetched manifest');
  });

  it('lets who has waited for more than ten seconds go first, in the order of arrival', () => {
    const pulls = [pull('old', 'blob', 9, true), pull('older kind', 'manifest', 1)];
    expect(orderOf(pulls, AGING_MS)).toEqual(['older kind', 'old']);
    expect(orderOf(pulls, AGING_MS + 1)).toEqual(['old', 'older kind']);
    const queue = new PullQueue<Named>({ slots: 1, capacity: 8 });
    queue.admit(pull('first', 'blob'), 0);
    queue.admit(pull('old', 'blob'), 0);
    queue.admit(pull('new manifest', 'manifest'), 5_000);
    expect(queue.finished(AGING_MS + 1)?.name).toBe('old');
  });

  it('never loses or doubles a pull, and never exceeds its bounds', () => {
    const kinds = fc.constantFrom<PullRequest['kind']>('manifest', 'config', 'blob');
    const step = fc.oneof(
      fc.record({
        kind: kinds,
        size: fc.option(fc.nat(1_000), { nil: undefined }),
        isPrefetch: fc.boolean(),
      }),
      fc.constant('finish' as const),
    );
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 120 }),
        fc.integer({ min: 1, max: 4 }),
        fc.nat(5),
        (steps, slots, capacity) => {
          const queue = new PullQueue<Named>({ slots, capacity });
          const accepted = new Set<string>();
          const started = new Set<string>();
          let running = 0;
          const start = (name: string | undefined): void => {
            if (name === undefined) return;
            expect(started.has(name)).toBe(false);
            started.add(name);
            running += 1;
          };
          for (const [index, what] of steps.entries()) {
            const now = index * 1_000;
            if (what === 'finish') {
              if (running === 0) continue;
              running -= 1;
              start(queue.finished(now)?.name);
            } else {
              const name = `pull ${index}`;
              const place = queue.admit({ ...pull(name, what.kind, what.size, what.isPrefetch), name }, now);
              if (place !== 'full') accepted.add(name);
              if (place === 'running') start(name);
            }
            expect(queue.running).toBe(running);
            expect(running).toBeLessThanOrEqual(slots);
            expect(queue.waiting).toBeLessThanOrEqual(capacity);
            expect(queue.waiting > 0 ? running : slots).toBe(slots);
          }
          while (running > 0) {
            running -= 1;
            start(queue.finished(1e6)?.name);
          }
          expect(started).toEqual(accepted);
        },
      ),
    );
  });
});
