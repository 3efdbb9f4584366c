import { buildIndexerRecord } from '../../src/records/indexer-record.ts';
import type { IndexerRecord, PeerId } from '../../src/wire/messages.ts';
import type { Member } from './members.ts';

/** A fresh record of an indexer with these nodes, of a hundred slots. */
export function indexerRecordOf(
  member: Member,
  nodes: readonly PeerId[],
  fillRate = nodes.length / 100,
): IndexerRecord {
  const now = member.clock.now();
  return buildIndexerRecord(
    {
      multiaddrs: member.overlay.addresses().map((address) => `${address}/p2p/${member.self}`),
      capacity: 100,
      fillRate,
      nodes,
      bornAt: now,
      expiresAt: now + member.constants.indexerRecordTtlMs,
      maxPeers: 2_000,
      random: member.random,
    },
    member.crypto,
  );
}
