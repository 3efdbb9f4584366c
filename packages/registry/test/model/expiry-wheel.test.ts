import { seededRandom } from '@muster/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ExpiryWheel } from '../../src/model/expiry-wheel.ts';
import { NodeTable } from '../../src/model/node-table.ts';

const START = 1_770_000_003;
/** A node is found at the latest when the bucket of its expiry has passed. */
const BUCKET_SECONDS = 10;

/** A table in which a node can be born and die, without the rest of a directory. */
function tableOf(count: number): NodeTable {
  const nodes = new NodeTable(count + 1, seededRandom(1));
  for (let id = 1; id <= count; id++) nodes.insert(id, undefined);
  return nodes;
}

function revive(nodes: NodeTable, wheel: ExpiryWheel, slot: number, now: number): void {
  nodes.setLive(slot, true, 0);
  nodes.lastSeen[slot] = now;
  wheel.add(slot);
}

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ seen: fc.nat(29) }) },
  { weight: 2, arbitrary: fc.record({ born: fc.nat(29) }) },
  { weight: 1, arbitrary: fc.record({ dies: fc.nat(29) }) },
  { weight: 4, arbitrary: fc.record({ wait: fc.oneof(fc.nat(15), fc.nat(400)) }) },
  { weight: 1, arbitrary: fc.record({ clockBack: fc.nat(30) }) },
);

it('collects a node never too early, and not more than a bucket too late', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), fc.array(step, { maxLength: 200 }), (threshold, steps) => {
      const nodes = tableOf(30);
      const wheel = new ExpiryWheel(nodes, threshold, START);
      const live = new Map<number, number>();
      let now = START;
      let latest = START;
      for (const one of steps) {
        if ('seen' in one && live.has(one.seen)) {
          live.set(one.seen, now);
          nodes.lastSeen[one.seen] = now;
        } else if ('born' in one && !live.has(one.born)) {
          live.set(one.born, now);
          revive(nodes, wheel, one.born, now);
        } else if ('dies' in one) {
          live.delete(one.dies);
          nodes.setLive(one.dies, false, now);
        } else if ('wait' in one) {
          now += one.wait;
        } else if ('clockBack' in one) {
          now = Math.max(START, now - one.clockBack);
        }
        latest = Math.max(latest, now);
        for (let slots = wheel.collect(now, 5); slots.length > 0; slots = wheel.collect(now, 5)) {
          expect(slots.length).toBeLessThanOrEqual(5);
          for (const slot of slots) {
            expect(live.has(slot)).toBe(true);
            expect((live.get(slot) as number) + threshold).toBeLessThanOrEqual(now);
            live.delete(slot);
            nodes.setLive(slot, false, now);
          }
        }
        if (now < latest) continue;
        for (const seen of live.values()) expect(seen + threshold + BUCKET_SECONDS).toBeGreaterThan(now);
      }
    }),
    { numRuns: 300 },
  );
});

describe('a wheel', () => {
  it('gives everybody a full threshold after a start, however long ago they were seen', () => {
    const nodes = tableOf(1);
    const wheel = new ExpiryWheel(nodes, 60, START);
    nodes.setLive(0, true, 0);
    nodes.lastSeen[0] = START - 10_000;
    wheel.add(0);
    expect(wheel.collect(START + 59, 10)).toEqual([]);
    expect(wheel.collect(START + 70, 10)).toEqual([0]);
  });

  it('does not collect a node twice, and takes one back that was given back', () => {
    const nodes = tableOf(1);
    const wheel = new ExpiryWheel(nodes, 60, START);
    revive(nodes, wheel, 0, START);
    wheel.add(0);
    expect(wheel.collect(START + 100, 10)).toEqual([0]);
    expect(wheel.collect(START + 100, 10)).toEqual([]);
    wheel.add(0);
    expect(wheel.collect(START + 110, 10)).toEqual([0]);
  });

  it('does not look at nodes whose time has not come', () => {
    const nodes = tableOf(2000);
    const wheel = new ExpiryWheel(nodes, 1800, START);
    for (let slot = 0; slot < 2000; slot++) {
      const now = START + Math.floor(slot / 2);
      expect(wheel.collect(now, 1)).toEqual([]);
      revive(nodes, wheel, slot, now);
    }
    let looks = 0;
    const { lastSeen } = nodes;
    const counted = new Proxy(lastSeen, {
      get: (target, name) => {
        looks++;
        return Reflect.get(target, name, target);
      },
    });
    Object.defineProperty(nodes, 'lastSeen', { value: counted });
    expect(wheel.collect(START + 1700, 10_000)).toEqual([]);
    expect(looks).toBe(0);
    const expired = wheel.collect(START + 1820, 10_000);
    expect(expired.length).toBeGreaterThanOrEqual(20);
    expect(expired.length).toBeLessThanOrEqual(42);
    expect(looks).toBeLessThan(60);
  });

  it('outlives a clock that jumps a year ahead', () => {
    const nodes = tableOf(3);
    const wheel = new ExpiryWheel(nodes, 60, START);
    for (const slot of [0, 1, 2]) revive(nodes, wheel, slot, START);
    const later = START + 365 * 86_400;
    nodes.lastSeen[1] = later;
    expect(wheel.collect(later, 10).sort()).toEqual([0, 2]);
    expect(wheel.collect(later + 80, 10)).toEqual([1]);
  });
});
