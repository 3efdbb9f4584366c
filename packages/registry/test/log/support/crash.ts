import { FaultStorage } from '@muster/core/testing';
import { expect } from 'vitest';
import { crashesAfter, run, runAll } from './scenario.ts';
import type { Step } from './scenario.ts';
import { expectPrefix, recovered, Session } from './store.ts';
import type { SessionOptions } from './store.ts';

/** Crashes after every change of the last step, in every way, and recovers; returns how many crashes there were. */
export async function crashEverywhere(steps: readonly Step[], options: SessionOptions): Promise<number> {
  const session = new Session(new FaultStorage(), options);
  expect(await runAll(session, steps.slice(0, -1))).toBeUndefined();
  const before = session.storage.journal.length;
  const last = steps.at(-1);
  if (last !== undefined) await run(session, last);
  const { journal } = session.storage;
  let crashes = 0;
  for (let count = last === undefined ? 0 : before; count <= journal.length; count++) {
    // With `async` a crash of the machine may take what was acknowledged since the last sync.
    const acknowledged = options.durability === 'async' ? 0 : session.acknowledgedAfter(count);
    const disk = session.storage.diskAfter(count);
    for (const [number, mode] of crashesAfter(journal[count - 1], count * 31 + crashes).entries()) {
      const where = `${steps.join(' ')}: change ${count} ${journal[count - 1]?.kind}, crash ${number} ${JSON.stringify(mode)}`;
      const storage = new FaultStorage({ disk: disk.crash(mode), record: false });
      const after = await recovered(storage, options).catch((error: unknown) => {
        throw new Error(where, { cause: error });
      });
      expectPrefix(after.state.texts, session.state.texts, acknowledged, where);
      crashes++;
      if (crashes % 5 === 0) await goOn(after, where);
    }
  }
  return crashes;
}

/** A recovered store takes records, and gives them back after another crash. */
async function goOn(session: Session, where: string): Promise<void> {
  await session.log.whenDurable(session.append(1));
  await session.snapshot();
  const certain = session.state.texts.length + (session.options.durability === 'async' ? 0 : 2);
  await session.log.whenDurable(session.append(2));
  const again = await recovered(session.storage.crash({ data: 'lost', names: 'lost' }), session.options);
  expectPrefix(again.state.texts, session.state.texts, certain, `${where}, then more, then another crash`);
}
