/** Protocol ids, topics and frame limits (discovery spec sections 4.4, 7.1, 7.2). */

/** The protocols that this version serves; the numbers are those of the spec's table. */
export const PROTOCOLS = {
  /** P1, persistent: Heartbeat, HeartbeatResponse, repeated. */
  heartbeat: '/opencloud/heartbeat/1.0',
  /** P2: raw bytes, echoed. */
  probe: '/opencloud/probe/1.0',
  /** P3: WitnessRequest, WitnessReport. */
  witness: '/opencloud/witness/1.0',
  /** P4: PeerRecord, PublishAck. */
  publish: '/opencloud/record/publish/1.0',
  /** P5: GetValue, GetResponse. */
  get: '/opencloud/record/get/1.0',
  /** P6: IndexerCandidatesRequest, IndexerCandidatesResponse. */
  candidates: '/opencloud/indexer/candidates/1.0',
  /** P7: SearchPeerRequest, then SearchPeerResult until it ends. */
  search: '/opencloud/search/peer/1.0',
  /** P8: one SearchPeerResult, from indexer to emitting indexer. */
  searchResponse: '/opencloud/search/peer/response/1.0',
} as const;

export type ProtocolName = keyof typeof PROTOCOLS;

/** P18. Go's `ProtocolPrefix("oc")` makes this id, without a leading slash. */
export const DHT_PROTOCOL = 'oc/kad/1.0.0';

export const TOPICS = { searchPeer: 'oc-search-peer', nodeSearch: 'oc-node-search' } as const;

/** Longest frame in bytes, without the newline (7.2.7). Longer ones reset the stream and cost one strike. */
export const FRAME_LIMITS = {
  heartbeat: 65_536,
  heartbeatResponse: 262_144,
  peerRecord: 16_384,
  publishAck: 4_096,
  getValue: 4_096,
  getResponse: 65_536,
  candidatesRequest: 4_096,
  candidatesResponse: 65_536,
  witness: 4_096,
  searchRequest: 4_096,
  searchResult: 262_144,
  searchQuery: 4_096,
  indexerRecord: 65_536,
  gossip: 16_384,
} as const;
