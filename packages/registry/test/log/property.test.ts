import fc from 'fast-check';
import { describe, it } from 'vitest';
import { FaultStorage } from '@muster/core/testing';
import { randomLife, storeAction } from './support/life.ts';
import { Session } from './support/store.ts';

describe('any sequence of appends, snapshots, closings and crashes', () => {
  it('never loses what was acknowledged, and never makes anything up', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(storeAction, { minLength: 5, maxLength: 40 }),
        fc.integer({ min: 200, max: 3000 }),
        fc.constantFrom('batch' as const, 'strict' as const),
        async (actions, segmentBytes, durability) => {
          const session = new Session(new FaultStorage({ record: false }), { segmentBytes, durability });
          await randomLife(session, actions);
        },
      ),
      { numRuns: 400 },
    );
  });
});
