import fc from 'fast-check';
import { FaultStorage, seededRandom } from '@muster/core/testing';
import type { CrashMode } from '@muster/core/testing';
import { expect } from 'vitest';
import { verifyLog } from '../../../src/log/index.ts';
import { DIRECTORY, expectPrefix, recovered } from './store.ts';
import type { Session } from './store.ts';

export type Action =
  | { readonly kind: 'append'; readonly count: number; readonly wait: boolean }
  | { readonly kind: 'snapshot' }
  | { readonly kind: 'turns'; readonly count: number }
  | { readonly kind: 'reopen' }
  | {
      readonly kind: 'crash';
      readonly mode: CrashMode['data'];
      readonly names: CrashMode['names'];
      readonly seed: number;
    };

/** Anything that may happen to a store. */
export const storeAction: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      count: fc.integer({ min: 1, max: 8 }),
      wait: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('snapshot' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('turns' as const), count: fc.integer({ min: 1, max: 12 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('crash' as const),
      mode: fc.constantFrom('lost' as const, 'kept' as const, 'torn' as const, 'reordered' as const),
      names: fc.constantFrom('lost' as const, 'kept' as const, 'random' as const),
      seed: fc.integer({ min: 1, max: 1_000_000 }),
    }),
  },
);

/** Without the newest snapshot, the one before and the log still hold everything. */
async function expectFallback(session: Session): Promise<void> {
  const disk = session.storage.disk.crash({ data: 'kept', names: 'kept' });
  const newest = disk.paths().findLast((path) => path.endsWith('.snap'));
  if (newest === undefined) return;
  disk.perform({ kind: 'remove', path: newest });
  const without = await recovered(new FaultStorage({ disk, record: false }));
  expect(without.state.texts).toEqual(session.state.texts);
}

async function step(session: Session, next: Action): Promise<Session> {
  switch (next.kind) {
    case 'append': {
      const durable = session.log.whenDurable(session.append(next.count));
      if (next.wait) await durable;
      else durable.catch(() => undefined);
      return session;
    }
    case 'snapshot':
      session.snapshot().catch(() => undefined);
      return session;
    case 'turns':
      for (let i = 0; i < next.count; i++) await Promise.resolve();
      return session;
    case 'reopen': {
      const { texts } = session.state;
      await session.log.close();
      await session.open();
      expect(session.state.texts).toEqual(texts);
      return session;
    }
    case 'crash': {
      const random = seededRandom(next.seed);
      const mode: CrashMode = { data: next.mode, names: next.names, tornBytes: random.integer(300), random };
      const after = await recovered(session.storage.crash(mode), session.options);
      expectPrefix(after.state.texts, session.state.texts, session.durableSeq, JSON.stringify(next));
      expect(await verifyLog(after.storage, DIRECTORY)).toMatchObject({ ok: true });
      await expectFallback(after);
      return after;
    }
    default: {
      const never: never = next;
      throw new Error(String(never));
    }
  }
}

/** Leads a store through what happens to it, checking after every crash that nothing acknowledged is lost. */
export async function randomLife(first: Session, actions: readonly Action[]): Promise<void> {
  let session = first;
  await session.open();
  for (const next of actions) session = await step(session, next);
  session.storage.halt();
}
