import { describe, expect, it } from 'vitest';
import { ReferencedTable } from '../../src/search/referenced-table.ts';
import type { PeerRecord } from '../../src/wire/messages.ts';
import { TestFleet } from '../support/members.ts';

function hitOf(record: PeerRecord) {
  return { peer_id: record.peer_id, did: record.did, name: record.name, record };
}

describe('ReferencedTable', () => {
  it('finds by peer id, DID and part of a name', () => {
    const fleet = new TestFleet();
    const records = [fleet.member({ name: 'Alpha' }).record(), fleet.member({ name: 'Beta' }).record()];
    const table = new ReferencedTable({ maxEntries: 10 });
    for (const record of records) table.set(record.peer_id, hitOf(record));
    const now = fleet.clock.now();
    const names = (criteria: object): string[] => table.match(criteria, now, 10).map(({ name }) => name);
    expect(names({ name: 'alph' })).toEqual(['Alpha']);
    expect(names({ name: 'a' })).toEqual(['Alpha', 'Beta']);
    expect(names({ peer_id: records[1]?.peer_id })).toEqual(['Beta']);
    expect(names({ did: records[1]?.did })).toEqual(['Beta']);
    expect(names({ peer_id: records[1]?.peer_id, name: 'alpha' })).toEqual(['Alpha', 'Beta']);
    expect(names({ peer_id: 'nobody' })).toEqual([]);
    expect(table.match({ name: 'a' }, now, 1)).toHaveLength(1);
  });

  it('DEF-58: keeps what the verified record says, and nothing under the name of another', () => {
    const fleet = new TestFleet();
    const record = fleet.member({ name: 'honest' }).record();
    const other = fleet.member().self;
    const table = new ReferencedTable({ maxEntries: 10 });
    table.set(record.peer_id, { ...hitOf(record), name: 'forged', did: 'forged' });
    table.set(other, hitOf(record));
    expect(table.size).toBe(1);
    expect(table.match({ name: 'honest' }, fleet.clock.now(), 10)).toEqual([hitOf(record)]);
    expect(table.match({ name: 'forged' }, fleet.clock.now(), 10)).toEqual([]);
  });

  it('DEF-57: forgets on request, says what changed, and shows nobody whose record has expired', () => {
    const fleet = new TestFleet();
    const record = fleet.member({ name: 'alpha' }).record(10_000);
    const changes: string[] = [];
    const table = new ReferencedTable({
      maxEntries: 10,
      onChange: (_peer, isReferenced) => changes.push(isReferenced ? 'in' : 'out'),
    });
    table.set(record.peer_id, hitOf(record));
    table.set(record.peer_id, hitOf(record));
    expect(table.match({ name: 'alpha' }, fleet.clock.now() + 9_999, 10)).toHaveLength(1);
    expect(table.match({ name: 'alpha' }, fleet.clock.now() + 10_000, 10)).toHaveLength(0);
    table.delete(record.peer_id);
    table.delete(record.peer_id);
    expect(table.has(record.peer_id)).toBe(false);
    expect(changes).toEqual(['in', 'out']);
  });

  it('takes no new node when it is full, and renews those it has', () => {
    const fleet = new TestFleet();
    const [first, second] = [fleet.member({ name: 'one' }), fleet.member({ name: 'two' })];
    const table = new ReferencedTable({ maxEntries: 1 });
    table.set(first.self, hitOf(first.record(10_000)));
    table.set(second.self, hitOf(second.record()));
    table.set(first.self, hitOf(first.record()));
    expect(table.size).toBe(1);
    expect(table.match({ name: 'one' }, fleet.clock.now() + 60_000, 10)).toHaveLength(1);
  });
});
