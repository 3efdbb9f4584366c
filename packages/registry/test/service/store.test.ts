import { recordingLogger } from '@muster/core';
import { FaultStorage, ManualClock, seededRandom } from '@muster/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyEvent } from '../../src/model/apply.ts';
import type { Directory } from '../../src/model/directory.ts';
import { encodeEvent } from '../../src/model/events.ts';
import { RegistryStore, type StoreOptions } from '../../src/service/store.ts';
import { dumpDirectory } from '../support/dump-directory.ts';
import { problemsOf, RandomEvents } from '../support/random-events.ts';
import { emptyDirectory } from '../support/restore.ts';

/** A store on a disk in memory, and the state that it fills. */
class Life {
  readonly state: Directory;
  readonly store: RegistryStore;
  readonly logger: ReturnType<typeof recordingLogger>;
  readonly fatal: unknown[];

  private constructor(
    state: Directory,
    store: RegistryStore,
    logger: ReturnType<typeof recordingLogger>,
    fatal: unknown[],
  ) {
    this.state = state;
    this.store = store;
    this.logger = logger;
    this.fatal = fatal;
  }

  static async begin(storage: FaultStorage, options: Partial<StoreOptions> = {}): Promise<Life> {
    const state = emptyDirectory(Math.floor(storage.changes) + 1);
    const clock = new ManualClock();
    const logger = recordingLogger();
    const fatal: unknown[] = [];
    const store = await RegistryStore.open(
      {
        directory: '/data',
        storage,
        clock,
        timers: clock,
        random: seededRandom(3),
        logger,
        durability: 'batch',
        recover: false,
        segmentBytes: 64 * 1024,
        onDurable: () => undefined,
        onFatal: (error) => fatal.push(error),
        ...options,
      },
      state,
    );
    return new Life(state, store, logger, fatal);
  }

  /** Logs and applies random events, as the engine does. */
  run(events: RandomEvents, count: number): void {
    for (let i = 0; i < count; i++) {
      const event = events.next();
      applyEvent(this.state, event, this.store.log.append([encodeEvent(event)]));
    }
  }

  /** Waits until everything that was appended is on disk. */
  async synced(): Promise<void> {
    for (let i = 0; i < 10_000 && this.store.log.durableSeq < this.store.log.appendedSeq; i++) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(this.store.log.durableSeq).toBe(this.store.log.appendedSeq);
  }
}

async function disk(): Promise<FaultStorage> {
  const storage = new FaultStorage();
  await storage.makeDirectory('/data');
  await storage.syncDirectory('/');
  return storage;
}

describe('a store', () => {
  it('gives back after a restart what was there before, with any snapshots between', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(),
        fc.array(fc.record({ events: fc.nat(80), snapshot: fc.boolean(), restart: fc.boolean() }), {
          maxLength: 6,
        }),
        async (seed, steps) => {
          let storage = await disk();
          let life = await Life.begin(storage);
          let round = 0;
          for (const step of steps) {
            life.run(new RandomEvents(life.state, seededRandom(seed + round++)), step.events);
            if (step.snapshot) await life.store.writeSnapshot();
            if (!step.restart) continue;
            const before = dumpDirectory(life.state);
            await life.store.close();
            storage = storage.restart();
            life = await Life.begin(storage);
            expect(dumpDirectory(life.state)).toEqual(before);
            expect([...problemsOf(life.state)]).toEqual([]);
          }
          await life.store.close();
        },
      ),
      { numRuns: 15 },
    );
  });

  it('keeps in a snapshot what happens while it is written', async () => {
    const storage = await disk();
    const life = await Life.begin(storage);
    const events = new RandomEvents(life.state, seededRandom(5));
    life.run(events, 200);
    const snapshot = life.store.writeSnapshot();
    for (let i = 0; i < 50; i++) {
      life.run(events, 2);
      await Promise.resolve();
    }
    expect(await snapshot).toMatchObject({ seq: 200 });
    await life.synced();
    const again = await Life.begin(storage.crash({ data: 'lost', names: 'lost' }));
    expect(dumpDirectory(again.state)).toEqual(dumpDirectory(life.state));
  });

  it('joins a snapshot that is being written, and counts them', async () => {
    const life = await Life.begin(await disk());
    life.run(new RandomEvents(life.state, seededRandom(5)), 50);
    const [first, second] = await Promise.all([life.store.writeSnapshot(), life.store.writeSnapshot()]);
    expect(second).toBe(first);
    expect(life.store.snapshots).toMatchObject({ total: 1, failed: 0 });
  });

  it('survives a snapshot that cannot be written', async () => {
    const storage = await disk();
    const life = await Life.begin(storage);
    const events = new RandomEvents(life.state, seededRandom(5));
    life.run(events, 50);
    await life.synced();
    storage.inject({ at: storage.changes + 1, code: 'ENOSPC' });
    await expect(life.store.writeSnapshot()).rejects.toThrow();
    expect(life.store.snapshots).toMatchObject({ total: 0, failed: 1 });
    expect(life.fatal).toEqual([]);
    life.run(events, 50);
    expect(await life.store.writeSnapshot()).toMatchObject({ seq: 100 });
    await life.store.close();
    expect(dumpDirectory((await Life.begin(storage.restart())).state)).toEqual(dumpDirectory(life.state));
  });

  it('remembers the last signs of life over a clean stop', async () => {
    const storage = await disk();
    const life = await Life.begin(storage);
    life.run(new RandomEvents(life.state, seededRandom(5)), 20);
    const slot = life.state.nodes.liveSlotOf(new RandomEvents(life.state, seededRandom(1)).ids(true)[0] ?? 0);
    const id = life.state.nodes.idOf(slot);
    life.state.nodes.lastSeen[slot] = 1_790_000_000;
    await life.store.close();
    const again = await Life.begin(storage.restart());
    expect(again.state.nodes.lastSeen[again.state.nodes.slotOf(id)]).toBe(1_790_000_000);
  });

  it('opens with damaged times of life, and says so', async () => {
    const storage = await disk();
    const life = await Life.begin(storage);
    life.run(new RandomEvents(life.state, seededRandom(5)), 20);
    await life.store.close();
    const file = await storage.open('/data/last-seen', 'write');
    await file.write(0, Buffer.from('damage'));
    await file.close();
    const again = await Life.begin(storage.restart());
    expect(dumpDirectory(again.state)).toEqual(dumpDirectory(life.state));
    expect(again.logger.entries.map((entry) => entry.level)).toContain('warn');
  });

  it('refuses a record of a newer version', async () => {
    const storage = await disk();
    const life = await Life.begin(storage);
    life.store.log.append([{ type: 250, payload: Buffer.from('{}') }]);
    await life.store.close();
    await expect(Life.begin(storage.restart())).rejects.toMatchObject({ code: 'STORE_VERSION' });
  });

  it('without a folder keeps nothing and answers as if everything were durable', async () => {
    const life = await Life.begin(await disk(), { directory: undefined });
    life.run(new RandomEvents(life.state, seededRandom(5)), 20);
    expect(life.store.log.durableSeq).toBe(20);
    expect(await life.store.writeSnapshot()).toBeUndefined();
    await life.store.close();
  });
});

describe('a crash at any moment', () => {
  it.each([
    { data: 'lost', names: 'lost' },
    { data: 'kept', names: 'kept' },
    { data: 'torn', tornBytes: 37, names: 'kept' },
  ] as const)('leaves a state that was there, with everything that was durable (%j)', async (mode) => {
    const storage = await disk();
    const durableAt: { readonly changes: number; readonly seq: number }[] = [];
    const onDurable = (seq: number): void => void durableAt.push({ changes: storage.changes, seq });
    const life = await Life.begin(storage, { onDurable });
    const events = new RandomEvents(life.state, seededRandom(11));
    const states = [dumpDirectory(life.state)];
    for (let burst = 0; burst < 12; burst++) {
      for (let i = 0; i <= burst % 4; i++) {
        life.run(events, 1);
        states.push(dumpDirectory(life.state));
      }
      if (burst === 7) await life.store.writeSnapshot();
      await life.synced();
    }
    expect(states.length).toBeGreaterThan(25);
    for (let count = 10; count <= storage.journal.length; count += 3) {
      const after = new FaultStorage({ disk: storage.diskAfter(count).crash(mode), record: false });
      const again = await Life.begin(after).catch((error: unknown) => error as { code?: string });
      const acknowledged = durableAt.filter((one) => one.changes <= count).at(-1)?.seq ?? 0;
      if (!(again instanceof Life)) {
        // Only a store of which nothing was ever acknowledged may be unable to open.
        expect([count, acknowledged]).toEqual([count, 0]);
        continue;
      }
      const { appendedSeq } = again.store.log;
      expect(appendedSeq).toBeGreaterThanOrEqual(acknowledged);
      expect(dumpDirectory(again.state)).toEqual(states[appendedSeq]);
    }
  });
});
