import { describe, expect, test } from 'vitest';
import { killRegistry } from '../../src/demos/kill-registry.ts';
import { liar } from '../../src/demos/liar.ts';
import { partition } from '../../src/demos/partition.ts';
import { pull } from '../../src/demos/pull.ts';
import type { DemoReport, Script } from '../../src/demos/story.ts';
import { FakeFleet, type Faults } from './fake-fleet.ts';

type Make = (fleet: FakeFleet) => Script;

const KILL: Make = (fleet) => killRegistry({ control: fleet, finder: fleet, roll: fleet });
const LIAR: Make = (fleet) => liar({ control: fleet, watch: fleet, name: 'liar-1', withinMs: 5_000 });
const PULL: Make = (fleet) =>
  pull({ control: fleet, origin: fleet, puller: fleet, crowd: fleet }, { peers: 20 });
const PARTITION: Make = (fleet) =>
  partition({ control: fleet, finder: fleet, origin: fleet, puller: fleet, watch: fleet });

async function run(make: Make, faults: Faults = {}): Promise<{ report: DemoReport; fleet: FakeFleet }> {
  const fleet = new FakeFleet(faults);
  return { report: await fleet.run(make(fleet)), fleet };
}

function failed({ checks }: DemoReport): readonly string[] {
  return checks.filter(({ passed }) => !passed).map(({ name }) => name);
}

test.each([
  ['kill-registry', KILL],
  ['liar', LIAR],
  ['pull', PULL],
  ['partition', PARTITION],
])('%s passes with a fleet that does what it should, and leaves it whole', async (_name, make) => {
  const { report, fleet } = await run(make);
  expect(failed(report)).toEqual([]);
  expect(report).toMatchObject({ passed: true, leftBehind: [] });
  expect(report.checks.length).toBeGreaterThanOrEqual(4);
  expect(report.steps.length).toBeGreaterThan(2);
  const { members } = await fleet.fleet();
  expect(members).toHaveLength(12);
  expect(members.every(({ state }) => state === 'running')).toBe(true);
  // All that is in the report was told as it happened.
  expect(fleet.told).toHaveLength(report.steps.length + report.checks.length);
});

describe('each demo fails when what it shows does not hold', () => {
  const cases: readonly (readonly [string, Make, Faults, RegExp])[] = [
    ['kill-registry', KILL, { registryForgets: true }, /acknowledged is lost/],
    ['kill-registry', KILL, { overlayMs: 1_000 }, /less than 1000 ms/],
    ['kill-registry', KILL, { overlayProof: 'self-signed' }, /signed by the registered key/],
    ['kill-registry', KILL, { overlayAnswersNobody: true }, /starts while there is no registry/],
    ['liar', LIAR, { liarStays: 3 }, /out of at least 95 %/],
    ['liar', LIAR, { liarIsNeverTaken: true }, /taken in by at least half/],
    ['liar', LIAR, { honestIsBlamed: true }, /No honest indexer/],
    ['pull', PULL, { everyMirrorReads: true }, /each digest once/],
    ['pull', PULL, { readsAgain: true }, /was not asked/],
    ['pull', PULL, { mirrorFails: true }, /Every peer has the image/],
    ['partition', PARTITION, { everyMirrorReads: true }, /one read of each digest/],
    ['partition', PARTITION, { readsTwiceAtOnce: true }, /same time/],
    ['partition', PARTITION, { staysCut: true }, /hears every indexer again/],
  ];
  test.each(cases)('%s %# %o', async (_name, make, faults, check) => {
    const { report, fleet } = await run(make, faults);
    expect(report.passed).toBe(false);
    expect(failed(report).join('\n')).toMatch(check);
    // Also then the fleet is as it was found.
    const { members } = await fleet.fleet();
    expect(members).toHaveLength(12);
    expect(members.every(({ state }) => state === 'running')).toBe(true);
    if (make === PARTITION) expect(fleet.calls.at(-1)).toBe('heal');
    if (make === PULL) expect(fleet.calls.at(-1)).toBe('stop mirrors');
  });
});

test('who does not run is started first, and that is said', async () => {
  const fleet = new FakeFleet();
  fleet.breakMember('alpha', 'paused');
  fleet.breakMember('registry', 'killed');
  const report = await fleet.run(KILL(fleet));
  expect(report.passed).toBe(true);
  expect(fleet.calls.slice(0, 2)).toEqual(['restart registry', 'resume alpha']);
  expect(fleet.told[0]).toBe('registry is killed: it is started first.');
});

test('a demo that is interrupted fails, and puts everything right', async () => {
  const fleet = new FakeFleet();
  const kill = fleet.kill.bind(fleet);
  fleet.kill = async (name) => {
    await kill(name);
    fleet.aborting.abort(new Error('interrupted'));
  };
  const report = await fleet.run(KILL(fleet));
  expect(failed(report)).toEqual(['The demo comes to its end']);
  expect(report.checks.at(-1)?.found).toBe('it was interrupted');
  expect(fleet.calls.slice(-2)).toEqual(['restart registry', 'remove new-node']);
});

test('what cannot be put right is told, and is a failure', async () => {
  const fleet = new FakeFleet();
  fleet.remove = async () => await Promise.reject(new Error('no answer'));
  const report = await fleet.run(LIAR(fleet));
  expect(failed(report)).toEqual([]);
  expect(report).toMatchObject({ passed: false, leftBehind: ['removing liar-1: no answer'] });
});

test('a fleet that is too small is told so', async () => {
  const fleet = new FakeFleet();
  await fleet.remove('indexer-2');
  const report = await fleet.run(LIAR(fleet));
  expect(report.checks.at(-1)?.found).toMatch(
    /has 1 indexer, and this demo needs at least 2: muster dev --indexers 2/,
  );
});
