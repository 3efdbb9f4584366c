import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { largeFleet, peer, smallFleet } from '../../../../benchmarks/dashboard/lab/fleets.ts';
import { MapLayout, type Place } from '../../page/model/map-layout.ts';

function positionsOf(layout: MapLayout): ReadonlyMap<string, readonly [number, number]> {
  return new Map(
    [...layout.places()].map((place) => [
      place.peer.id,
      [place.island.x + place.x, place.island.y + place.y],
    ]),
  );
}

function islandOf(layout: MapLayout, id: string): string | undefined {
  return layout.place(id)?.island.id;
}

function nearest(places: readonly Place[]): number {
  let least = Infinity;
  for (const [index, a] of places.entries()) {
    for (const b of places.slice(index + 1)) {
      const [dx, dy] = [a.island.x + a.x - b.island.x - b.x, a.island.y + a.y - b.island.y - b.y];
      least = Math.min(least, Math.hypot(dx, dy));
    }
  }
  return least;
}

describe('MapLayout', () => {
  it('puts nodes around an indexer that they deal with, mirrors around their origin', () => {
    const fleet = smallFleet(0);
    const layout = new MapLayout();
    layout.apply(fleet.peers);
    for (const { id, roles, links } of fleet.peers) {
      if (roles.includes('node')) expect(links).toContain(islandOf(layout, id));
      if (roles.includes('mirror')) expect(islandOf(layout, id)).toBe('mirrors');
      if (roles.includes('indexer'))
        expect(layout.place(id)).toMatchObject({ isCentre: true, island: { id } });
    }
    expect(layout.place('process:origin')?.isCentre).toBe(true);
    expect(islandOf(layout, 'process:registry')).toBe('registry');
  });

  it('gives the same map for the same fleet', () => {
    const [one, two] = [new MapLayout(), new MapLayout()];
    one.apply(largeFleet(0, 2_000).peers);
    two.apply(largeFleet(5_000, 2_000).peers);
    expect(positionsOf(one)).toEqual(positionsOf(two));
  });

  it('lets no markers and no groups overlap', () => {
    const layout = new MapLayout();
    layout.apply(largeFleet(0, 3_000).peers);
    expect(nearest([...layout.places()])).toBeGreaterThan(1.3);
    for (const a of layout.islands) {
      for (const b of layout.islands) {
        if (a !== b) expect(Math.hypot(a.x - b.x, a.y - b.y)).toBeGreaterThanOrEqual(a.radius + b.radius);
      }
    }
  });

  it('moves nobody for a change of state, and nobody else for one who comes or goes', () => {
    const fleet = largeFleet(0, 1_000);
    const layout = new MapLayout();
    layout.apply(fleet.peers);
    const before = positionsOf(layout);
    const last = fleet.peers.at(-1) as (typeof fleet.peers)[number];
    expect(layout.apply([{ ...last, state: 'gone' }])).toBe(false);
    expect(positionsOf(layout)).toEqual(before);
    expect(layout.apply([], [last.id])).toBe(false);
    expect(layout.apply([{ ...last, id: 'successor' }])).toBe(false);
    const after = positionsOf(layout);
    for (const [id, position] of before) if (id !== last.id) expect(after.get(id)).toEqual(position);
  });

  it('finds a new home when an indexer goes, and the old kind of home when it comes', () => {
    const layout = new MapLayout();
    const node = peer('n', { links: ['i1', 'i2'] });
    layout.apply([node]);
    expect(islandOf(layout, 'n')).toBe('others');
    layout.apply([peer('i1', { roles: ['indexer'] })]);
    expect(islandOf(layout, 'n')).toBe('i1');
    layout.apply([peer('i2', { roles: ['indexer'] })]);
    expect(islandOf(layout, 'n'), 'nobody moves without need').toBe('i1');
    layout.apply([], ['i1']);
    expect(islandOf(layout, 'n')).toBe('i2');
    layout.apply([peer('i2', { roles: ['node'] })]);
    expect(islandOf(layout, 'n')).toBe('others');
    layout.apply([], ['n', 'i2']);
    expect(layout.islands).toEqual([]);
    expect(layout.size).toBe(0);
  });

  it('places everyone exactly once, whatever happens', () => {
    const view = fc.record({
      id: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g'),
      roles: fc.constantFrom(
        ['node'] as const,
        ['indexer'] as const,
        ['mirror'] as const,
        ['registry'] as const,
        ['origin'] as const,
      ),
      links: fc.subarray(['a', 'b', 'c', 'x']),
    });
    const step = fc.record({
      changed: fc.array(view, { maxLength: 4 }),
      removed: fc.subarray(['a', 'b', 'c', 'd']),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const layout = new MapLayout();
        const alive = new Set<string>();
        for (const { changed, removed } of steps) {
          layout.apply(
            changed.map(({ id, ...more }) => peer(id, more)),
            removed,
          );
          for (const id of removed) alive.delete(id);
          for (const { id } of changed) alive.add(id);
        }
        const places = [...layout.places()];
        expect(new Set(places.map(({ peer: { id } }) => id))).toEqual(alive);
        expect(layout.islands.reduce((sum, { size }) => sum + size, 0)).toBe(alive.size);
        if (places.length > 1) expect(nearest(places)).toBeGreaterThan(1);
      }),
    );
  });

  it('shows thousands of indexers too', () => {
    const layout = new MapLayout();
    layout.apply(Array.from({ length: 3_000 }, (_, index) => peer(`i${index}`, { roles: ['indexer'] })));
    expect(layout.islands.length).toBe(3_000);
    expect(layout.bounds().width).toBeGreaterThan(0);
  });
});
