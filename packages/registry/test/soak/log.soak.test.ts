import fc from 'fast-check';
import { describe, it } from 'vitest';
import { FaultStorage } from '@muster/core/testing';
import { crashEverywhere } from '../log/support/crash.ts';
import { randomLife, storeAction } from '../log/support/life.ts';
import { sequences } from '../log/support/scenario.ts';
import { Session } from '../log/support/store.ts';

describe('the log, at length', () => {
  it('crashed after any change of every sequence of four steps', async () => {
    for (const steps of sequences(4)) await crashEverywhere(steps, { segmentBytes: 450 });
  });

  it('through long lives of appends, snapshots, closings and crashes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(storeAction, { minLength: 20, maxLength: 200 }),
        fc.integer({ min: 100, max: 20_000 }),
        fc.constantFrom('batch' as const, 'strict' as const),
        async (actions, segmentBytes, durability) => {
          const session = new Session(new FaultStorage({ record: false }), { segmentBytes, durability });
          await randomLife(session, actions);
        },
      ),
      { numRuns: Number(process.env['MUSTER_LOG_RUNS'] ?? 20_000) },
    );
  });
});
