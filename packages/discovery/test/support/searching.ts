import { ReferencedTable } from '../../src/search/referenced-table.ts';
import { SearchServer } from '../../src/search/search-server.ts';
import type { PeerRecord, SearchHit } from '../../src/wire/messages.ts';
import { PROTOCOLS } from '../../src/wire/protocols.ts';
import {
  FixedGate,
  FixedPool,
  fixedSuggestions,
  LenientBehaviour,
  MapDirectory,
  type Member,
  type TestFleet,
} from './members.ts';

export const LONG = { timeoutMs: 600_000, maxBytes: 1_000_000 };

export function hitOf(record: PeerRecord): SearchHit & { readonly record: PeerRecord } {
  return { peer_id: record.peer_id, did: record.did, name: record.name, record };
}

export interface Indexer {
  readonly member: Member;
  readonly server: SearchServer;
  readonly gate: FixedGate;
  readonly behaviour: LenientBehaviour;
  readonly referenced: ReferencedTable;
  readonly pool: FixedPool;
  readonly directory: MapDirectory;
  /** Makes it the referent of a new node of this name. */
  refer(name: string): PeerRecord;
}

/** An indexer that searches and answers searches. */
export function indexerIn(fleet: TestFleet, settings: object = {}): Indexer {
  const member = fleet.member({ roles: { node: false, indexer: true }, ...settings });
  const parts = {
    gate: new FixedGate(),
    behaviour: new LenientBehaviour(),
    referenced: new ReferencedTable({ maxEntries: 500 }),
    pool: new FixedPool([]),
    suggestions: fixedSuggestions(),
    directory: new MapDirectory(),
  };
  const server = new SearchServer(member, parts);
  server.start();
  // What a known indexer serves, as identify reports it.
  member.overlay.handle(PROTOCOLS.heartbeat, async () => {});
  return {
    member,
    server,
    ...parts,
    refer: (name) => {
      const record = fleet.member({ name }).record(900_000);
      parts.referenced.set(record.peer_id, hitOf(record));
      return record;
    },
  };
}
