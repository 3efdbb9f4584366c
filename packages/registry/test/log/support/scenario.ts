import { errorCode } from '@muster/core';
import { seededRandom } from '@muster/core/testing';
import type { CrashMode, DiskOperation } from '@muster/core/testing';
import type { Session } from './store.ts';

/** What a scenario is made of. */
export type Step = 'one' | 'many' | 'burst' | 'snapshot' | 'overlap' | 'reopen' | 'kill';

export const STEPS: readonly Step[] = ['one', 'many', 'burst', 'snapshot', 'overlap', 'reopen', 'kill'];

/** Every sequence of `length` steps. */
export function* sequences(length: number): Generator<Step[]> {
  if (length === 0) {
    yield [];
    return;
  }
  for (const head of sequences(length - 1)) for (const step of STEPS) yield [...head, step];
}

export async function run(session: Session, step: Step): Promise<void> {
  const { log } = session;
  switch (step) {
    case 'one':
      await log.whenDurable(session.append(1));
      return;
    case 'many':
      await log.whenDurable(session.append(4));
      return;
    case 'burst': {
      const first = session.append(1);
      session.append(2);
      const waits = [log.whenDurable(first)];
      await Promise.resolve();
      await Promise.resolve();
      await Promise.resolve();
      waits.push(log.whenDurable(session.append(1)));
      await settleAll(waits);
      return;
    }
    case 'snapshot':
      await session.snapshot();
      return;
    case 'overlap': {
      const first = session.append(1);
      const snapshot = session.snapshot();
      await settleAll([log.whenDurable(first), snapshot, log.whenDurable(session.append(2))]);
      return;
    }
    case 'reopen':
      await log.close();
      await session.open();
      return;
    case 'kill':
      await session.open();
      return;
    default: {
      const never: never = step;
      throw new Error(String(never));
    }
  }
}

/** Waits for all, then throws the first failure, so that nothing goes on behind the test's back. */
async function settleAll(promises: readonly Promise<unknown>[]): Promise<void> {
  for (const result of await Promise.allSettled(promises)) {
    if (result.status === 'rejected') throw result.reason;
  }
}

/** Runs steps until one fails; a snapshot that could not be written does not count. */
export async function runAll(session: Session, steps: readonly Step[]): Promise<unknown> {
  try {
    await session.open();
    for (const step of steps) {
      try {
        await run(session, step);
      } catch (error) {
        if (errorCode(error) !== 'SNAPSHOT_FAILED') throw error;
      }
    }
  } catch (error) {
    return error;
  }
  return undefined;
}

const SIMPLE_CRASHES: readonly CrashMode[] = [
  { data: 'lost', names: 'lost' },
  { data: 'kept', names: 'kept' },
  { data: 'lost', names: 'kept' },
  { data: 'kept', names: 'lost' },
];

/** The ways a machine may crash right after a change. */
export function crashesAfter(operation: DiskOperation | undefined, seed: number): CrashMode[] {
  const modes = [...SIMPLE_CRASHES];
  if (operation === undefined || operation.kind === 'sync' || operation.kind === 'sync-directory')
    return modes;
  for (let i = 0; i < 2; i++) {
    modes.push({ data: 'reordered', names: 'random', random: seededRandom(seed * 2 + i) });
  }
  if (operation.kind !== 'write') return modes;
  for (const tornBytes of tearsOf(operation.data)) {
    modes.push(
      { data: 'torn', tornBytes, names: 'kept' },
      { data: 'torn', tornBytes, tornEnd: true, names: 'kept' },
    );
  }
  return modes;
}

/** Where a write tears: inside and around the header, in the middle, before the last byte that is not zero. */
function tearsOf(data: Uint8Array): number[] {
  const used = data.findLastIndex((byte) => byte !== 0) + 1;
  const cuts = [1, 4, 30, 43, 44, 56, used >> 1, used - 1, 512];
  return [...new Set(cuts)].filter((cut) => cut > 0 && cut < data.length);
}
