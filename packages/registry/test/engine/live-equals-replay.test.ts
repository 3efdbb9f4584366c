import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Directory } from '../../src/model/directory.ts';
import { operations } from '../../src/operations/index.ts';
import { dumpDirectory } from '../support/dump-directory.ts';
import { Harness } from '../support/harness.ts';
import { problemsOf } from '../support/random-events.ts';
import { badgeKeys, RandomRequests, recoveryKeys, SECRETS } from '../support/random-requests.ts';
import { emptyDirectory, replay, restored, snapshotOf } from '../support/restore.ts';

const policies = fc.record(
  {
    strictDirectoryAuth: fc.boolean(),
    strictHeartbeatFreshness: fc.boolean(),
    strictExpiryBinding: fc.boolean(),
    allowUnsignedRbac: fc.boolean(),
    idAllocation: fc.constantFrom('sequential' as const, 'random' as const),
  },
  { requiredKeys: [] },
);

function harness(policy: object): Harness {
  return new Harness({ policy: { legacyMessages: true, ...policy }, badgeKeys, recoveryKeys });
}

/** Runs requests, with time passing and nodes being reaped between them; answers the types that have succeeded. */
async function run(h: Harness, seed: number, count: number): Promise<Set<string>> {
  const requests = new RandomRequests(h, seed);
  const succeeded = new Set<string>();
  for (let i = 0; i < count; i++) {
    const { type, fields, caller } = requests.next();
    const reply = await h.ask(type, fields, caller);
    if (reply['error'] === undefined) succeeded.add(type);
    if (i % 7 === 0) h.advance(i % 3);
    if (i % 40 === 39) reapSomebody(h, i);
  }
  expect(h.logger.entries.filter((entry) => entry.level === 'error')).toEqual([]);
  return succeeded;
}

function reapSomebody(h: Harness, i: number): void {
  const ids: number[] = [];
  for (let id = 1; id <= 16; id++) if (h.state.nodes.liveSlotOf(id) >= 0) ids.push(id);
  const chosen = ids.filter((_, at) => at % 4 === i % 4);
  if (chosen.length > 0) h.commit({ type: 'nodes.reaped', ids: chosen, at: h.now });
}

describe('after any requests', () => {
  it('the state from the log is the live state, with and without a snapshot between (B-34)', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), policies, async (seed, policy) => {
        const h = harness(policy);
        await run(h, seed, 200);
        const snapshot = snapshotOf(h.state);
        const seqOfSnapshot = h.log.appendedSeq;
        await run(h, seed + 1, 100);
        const live = dumpDirectory(h.state);
        expect(h.broken).toEqual([]);
        expect([...problemsOf(h.state)]).toEqual([]);
        expect(dumpDirectory(replay(emptyDirectory(2), h.log.records))).toEqual(live);
        const fromSnapshot: Directory = restored(snapshot, emptyDirectory(3));
        expect(dumpDirectory(replay(fromSnapshot, h.log.records.slice(seqOfSnapshot)))).toEqual(live);
      }),
      { numRuns: 20 },
    );
  });

  it('no token can be read in the log or in a snapshot (B-48)', async () => {
    const h = harness({});
    await run(h, 4711, 1500);
    const log = Buffer.concat(h.log.records.map((record) => record.payload)).toString('latin1');
    const snapshot = Buffer.concat(snapshotOf(h.state).map((block) => Buffer.from(block.bytes))).toString(
      'latin1',
    );
    expect(log).toContain('"joinRule":"token"');
    for (const secret of SECRETS) {
      expect(log).not.toContain(secret);
      expect(snapshot).not.toContain(secret);
    }
  });

  it('every operation has succeeded, so that the above says something of it', async () => {
    const succeeded = await run(harness({}), 1, 4000);
    expect(operations.map((row) => row.type).filter((type) => !succeeded.has(type))).toEqual([
      'validate_token',
    ]);
  });

  it('events are those that the row of the operation announces', async () => {
    const h = harness({});
    const requests = new RandomRequests(h, 99);
    const rows = new Map(operations.map((row) => [row.type, row]));
    for (let i = 0; i < 1500; i++) {
      const { type, fields, caller } = requests.next();
      const before = h.events.length;
      await h.ask(type, fields, caller);
      const announced = [...(rows.get(type)?.emits ?? []), 'key.requires_v2', 'node.task_exec'];
      for (const { event } of h.events.slice(before)) expect(announced).toContain(event.type);
    }
  });
});
