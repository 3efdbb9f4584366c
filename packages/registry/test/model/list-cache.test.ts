import { seededRandom } from '@muster/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyEvent } from '../../src/model/apply.ts';
import type { Directory } from '../../src/model/directory.ts';
import { listEntry } from '../../src/model/disclosure.ts';
import type { RegistryEvent } from '../../src/model/events.ts';
import { type ListBody, ListCache } from '../../src/model/list-cache.ts';
import { encodeJsonText } from '../../src/wire/index.ts';
import { RandomEvents } from '../support/random-events.ts';
import { emptyDirectory } from '../support/restore.ts';

const BEACON = '198.51.100.1:9001';
const BACKBONE = 0;

/** A directory whose events the cache hears of, with one large network. */
class Scene {
  readonly state: Directory = emptyDirectory();
  readonly cache = new ListCache(this.state, () => BEACON);
  readonly events: RandomEvents;
  seq = 0;
  now = 1_780_000_000;

  constructor(seed: number, members: number) {
    this.events = new RandomEvents(this.state, seededRandom(seed));
    const random = seededRandom(seed + 1);
    for (let id = 1; id <= members; id++) {
      const key = Buffer.from(random.bytes(32)).toString('base64');
      this.apply({ type: 'node.registered', id, key, at: this.now, realAddr: `192.0.2.1:${id}` });
      if (id === 1) this.apply(created(1, 1));
      else this.apply({ type: 'network.joined', network: 1, node: id, role: 'member' });
    }
  }

  apply(event: RegistryEvent): void {
    applyEvent(this.state, event, ++this.seq);
    this.cache.noteEvent(event, this.seq);
  }

  build(network: number): void {
    for (const _ of this.cache.build(network, this.now));
  }

  /** The ids that a list shows, in order. */
  members(network: number): number[] {
    if (network === BACKBONE) return this.events.ids(true);
    return [...(this.state.networks.get(network)?.memberIds() ?? [])];
  }

  entry(network: number, id: number): string {
    return encodeJsonText(listEntry(this.state, network, id, this.now, BEACON));
  }

  /** What the body must be, made from nothing. */
  expected(network: number): string {
    return this.members(network)
      .map((id) => this.entry(network, id))
      .join(',');
  }

  body(network: number): string {
    return textOf(this.cache.body(network, this.now));
  }
}

function created(id: number, creator: number): RegistryEvent {
  return { type: 'network.created', id, name: `n${id}`, joinRule: 'open', enterprise: false, creator, at: 1 };
}

function textOf(body: ListBody): string {
  const bytes = Buffer.concat(body.pieces);
  expect(bytes.length).toBe(body.bytes);
  return bytes.toString('utf8');
}

/** The entries of a body by node id. */
function byId(text: string): Map<number, string> {
  const entries = JSON.parse(`[${text}]`) as { node_id: number }[];
  return new Map(entries.map((entry) => [entry.node_id, JSON.stringify(entry)]));
}

describe('a list that is kept', () => {
  it('equals one made from nothing after any events and heartbeats; pieces given away do not change', () => {
    fc.assert(
      fc.property(fc.nat(), fc.array(fc.nat(30), { minLength: 3, maxLength: 8 }), (seed, bursts) => {
        const scene = new Scene(seed, 300);
        const random = seededRandom(seed + 2);
        for (const network of [BACKBONE, 1]) scene.build(network);
        const given: { pieces: readonly Buffer[]; copies: Buffer[] }[] = [];
        for (const burst of bursts) {
          for (let i = 0; i < burst; i++) scene.apply(scene.events.next());
          scene.now += 1 + random.integer(3);
          for (const id of scene.events.ids(true)) {
            if (random.integer(3) > 0) continue;
            scene.state.nodes.lastSeen[scene.state.nodes.slotOf(id)] = scene.now;
          }
          for (const network of [BACKBONE, 1]) {
            if (!scene.cache.isReady(network)) {
              if (!scene.state.networks.has(network)) continue;
              scene.build(network);
            }
            const body = scene.cache.body(network, scene.now);
            given.push({ pieces: body.pieces, copies: body.pieces.map((piece) => Buffer.from(piece)) });
            if (network === 1) expect(textOf(body)).toBe(scene.expected(1));
            else expect(byId(textOf(body))).toEqual(byId(scene.expected(network)));
          }
        }
        for (const { pieces, copies } of given) {
          expect(pieces.every((piece, i) => piece.equals(copies[i] as Buffer))).toBe(true);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('shows a sign of life within a second', () => {
    const scene = new Scene(1, 3);
    scene.build(1);
    const before = scene.body(1);
    scene.state.nodes.lastSeen[0] = scene.now + 5;
    expect(scene.body(1)).toBe(before);
    scene.now += 1;
    expect(scene.body(1)).toBe(scene.expected(1));
  });

  it('goes on showing signs of life after the clock was set back', () => {
    const scene = new Scene(1, 3);
    scene.build(1);
    scene.body(1);
    scene.now -= 3600;
    scene.state.nodes.lastSeen[0] = scene.now;
    expect(scene.body(1)).toBe(scene.expected(1));
  });

  it('stops calling a badge verified when it expires', () => {
    const scene = new Scene(1, 3);
    const badge = `pilotbadge:v1:1:github:1:${scene.now + 100}:k:s`;
    const fields = { badge, badgeSig: 'x', provider: 'github', verifiedAt: '2026-01-01T00:00:00Z' };
    scene.apply({ type: 'badge.submitted', id: 1, ...fields });
    scene.build(1);
    expect(scene.body(1)).toContain('"verified":true');
    scene.now += 101;
    expect(scene.body(1)).toBe(scene.expected(1));
  });

  it('stays in few pieces while members come and go', () => {
    const scene = new Scene(1, 300);
    scene.build(1);
    for (let i = 0; i < 3000; i++) {
      const node = 2 + (i % 299);
      scene.apply({ type: 'network.left', network: 1, node });
      scene.apply({ type: 'network.joined', network: 1, node, role: 'member' });
    }
    expect(scene.cache.body(1, scene.now).pieces.length).toBeLessThan(10);
    expect(scene.body(1)).toBe(scene.expected(1));
  });

  it('is dropped when nobody asks for it', () => {
    const scene = new Scene(1, 3);
    scene.build(1);
    scene.cache.sweep(scene.now);
    expect(scene.cache.isReady(1)).toBe(true);
    scene.cache.sweep(scene.now + 1);
    expect(scene.cache.isReady(1)).toBe(false);
  });
});

describe('a list that is being built', () => {
  it('takes note of everything that happens between two steps', () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.constantFrom(BACKBONE, 1),
        fc.integer({ min: 1, max: 60 }),
        (seed, network, burst) => {
          const scene = new Scene(seed, 800);
          for (const _ of scene.cache.build(network, scene.now)) {
            for (let i = 0; i < burst; i++) {
              const event = scene.events.next();
              if (event.type !== 'network.deleted') scene.apply(event);
            }
          }
          expect(byId(scene.body(network))).toEqual(byId(scene.expected(network)));
        },
      ),
      { numRuns: 30 },
    );
  });

  it('does not show a member that left before its turn came', () => {
    const scene = new Scene(1, 700);
    const steps = scene.cache.build(1, scene.now);
    steps.next();
    scene.apply({ type: 'network.left', network: 1, node: 600 });
    while (steps.next().done !== true);
    expect(scene.body(1)).toBe(scene.expected(1));
  });

  it('is there although the network got the enterprise flag, or nobody asked, meanwhile', () => {
    const scene = new Scene(1, 700);
    const steps = scene.cache.build(1, scene.now);
    steps.next();
    scene.apply({ type: 'network.enterprise', network: 1, enterprise: true });
    scene.cache.sweep(scene.now + 1000);
    while (steps.next().done !== true);
    expect(scene.cache.isReady(1)).toBe(true);
    expect(scene.body(1)).toBe(scene.expected(1));
  });

  it('is built once for all who wait for it, and they share its failure', async () => {
    const scene = new Scene(1, 700);
    let fail = (_: Error): void => undefined;
    const slow = (): Promise<void> => new Promise((_resolve, reject) => (fail = reject));
    const waiting = [1, 2, 3].map(() => scene.cache.prepare(1, scene.now, slow));
    fail(new Error('out of memory'));
    const results = await Promise.allSettled(waiting);
    expect(results.map((result) => result.status)).toEqual(['rejected', 'rejected', 'rejected']);
    let builds = 0;
    const run = async (steps: Generator<void, void>): Promise<void> => {
      builds++;
      for (const _ of steps) await Promise.resolve();
    };
    await Promise.all([1, 2, 3].map(() => scene.cache.prepare(1, scene.now, run)));
    expect(builds).toBe(1);
    expect(scene.body(1)).toBe(scene.expected(1));
  });
});

describe('what has changed since a version', () => {
  it('turns the list of then into the list of now', () => {
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom(BACKBONE, 1), fc.boolean(), (seed, network, swept) => {
        const scene = new Scene(seed, 60);
        scene.cache.start(0);
        scene.build(network);
        const versions: { version: number; list: Map<number, string> }[] = [];
        for (let round = 0; round < 6; round++) {
          if (!scene.state.networks.has(network)) return;
          if (!scene.cache.isReady(network)) scene.build(network);
          for (const { version, list } of versions) {
            const delta = scene.cache.delta(network, version);
            if (delta === undefined) continue;
            const patched = new Map(list);
            for (const id of delta.removed) patched.delete(id);
            for (const id of delta.changed) patched.set(id, scene.entry(network, id));
            expect(patched).toEqual(byText(scene, network));
          }
          versions.push({ version: scene.seq, list: byText(scene, network) });
          for (let i = 0; i < 15; i++) scene.apply(scene.events.next());
          if (swept && round === 3) scene.cache.sweep(scene.now + 1);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('is known while the list is kept, and not from before the start of the process', () => {
    const scene = new Scene(1, 5);
    scene.cache.start(scene.seq);
    const then = scene.seq;
    scene.build(1);
    scene.apply({ type: 'node.tags', id: 3, tags: ['x'] });
    scene.apply({ type: 'network.left', network: 1, node: 2 });
    expect(scene.cache.delta(1, then)).toEqual({ changed: [3], removed: [2] });
    expect(scene.cache.delta(1, then - 1)).toBeUndefined();
  });

  it('is not known any more when too many have left', () => {
    const scene = new Scene(1, 5);
    scene.build(1);
    const then = scene.seq;
    for (let i = 0; i < 5000; i++) {
      scene.apply({ type: 'network.left', network: 1, node: 2 });
      scene.apply({ type: 'network.joined', network: 1, node: 2, role: 'member' });
    }
    expect(scene.cache.delta(1, then)).toBeUndefined();
    expect(scene.cache.delta(1, scene.seq - 2)).toEqual({ changed: [2], removed: [] });
  });
});

function byText(scene: Scene, network: number): Map<number, string> {
  return new Map(scene.members(network).map((id) => [id, scene.entry(network, id)]));
}

it('gives the ids of members in ascending order, also after somebody joined', () => {
  const scene = new Scene(1, 20);
  scene.apply({ type: 'network.left', network: 1, node: 4 });
  expect([...scene.cache.sortedIds(1)]).toEqual([1, 2, 3, ...Array.from({ length: 16 }, (_, i) => i + 5)]);
  scene.apply({ type: 'network.joined', network: 1, node: 4, role: 'member' });
  expect([...scene.cache.sortedIds(1)]).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
});
