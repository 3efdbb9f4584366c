import { defineErrors } from '@muster/core';

/** The coded errors of @muster/discovery. Codes of the wire (7.3) are `WireErrorCode`; these are what callers see. */
export const discoveryErrors = defineErrors({
  KEY_FILE_INVALID: {
    summary:
      'A key file is missing, unreadable, not an Ed25519 key in PEM, or does not match its public key.',
    hint: 'Make one with `muster keys generate`, or set OC_GENERATE_KEYS=1 to have it made.',
  },
  PSK_INVALID: {
    summary: 'The pre-shared key of the overlay is missing or not in the swarm-key layout.',
    hint: 'Make one with `muster keys psk` and give every member the same file.',
  },
  PSK_MISMATCH: {
    summary: 'The other side does not have the same pre-shared key.',
    hint: 'Compare the fingerprints that `muster keys psk --show` prints on both machines.',
  },
  OVERLAY_START_FAILED: { summary: 'The overlay host could not be started.' },
  DIAL_FAILED: { summary: 'No address of the peer could be reached.' },
  DIAL_REFUSED: { summary: 'The peer is blacklisted here and is not dialled.' },
  PROTOCOL_UNSUPPORTED: { summary: 'The peer does not serve the protocol.' },
  STREAM_TIMEOUT: { summary: 'The other side did not answer in time.' },
  STREAM_RESET: { summary: 'The other side, or the connection, ended the stream abruptly.' },
  STREAM_CLOSED: { summary: 'The stream is already closed.' },
  FRAME_TOO_LARGE: { summary: 'A frame is longer than its protocol allows.' },
  FRAME_MALFORMED: { summary: 'A frame is no JSON, or not of the shape that its protocol asks for.' },
  REFUSED: {
    summary: 'The other side answered with an error frame; `details.code` has its code.',
  },
  RECORD_INVALID: { summary: 'A signed record did not verify; `details.reason` says why.' },
  PEER_OFFLINE: { summary: 'The newest record of the peer has expired: it is offline.' },
  PEER_NOT_FOUND: { summary: 'No reachable indexer knows the peer.' },
  NO_INDEXER: {
    summary: 'No indexer is reachable.',
    hint: 'Check INDEXER_ADDRESSES, the pre-shared key, and that an indexer runs.',
  },
  DHT_FAILED: { summary: 'A request to the distributed hash table failed or timed out.' },
  GOSSIP_FAILED: { summary: 'A message could not be published on a topic.' },
  SEARCH_ENDED: { summary: 'The search was cancelled or replaced by a newer one.' },
  SHUTTING_DOWN: { summary: 'The daemon is shutting down.' },
  STORE_INVALID: { summary: 'A local store file is damaged or of another program.' },
  STORE_FAILED: { summary: 'A local store file could not be read, locked or written.' },
});

/** Codes of {@link discoveryErrors}. */
export type DiscoveryErrorCode = keyof typeof discoveryErrors.definitions;
