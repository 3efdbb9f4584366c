/** Peers as a store file holds them: read strictly, since a file that is not understood must not be written back. */

import {
  boolean,
  compact,
  type Fields,
  integer,
  list,
  malformed,
  objectOf,
  raw,
  text,
} from '../wire/fields.ts';
import type { PeerRecord } from '../wire/messages.ts';
import { type Relation, RELATIONS, type StoredPeer } from './peer-store.ts';

const FORMAT = 'muster-peers/1';
const MAX_PEERS = 1_000_000;
const MAX_CHARS = 1_024;

/** The content of a file of peers. */
export interface StoredPeers {
  readonly format: typeof FORMAT;
  readonly peers: readonly StoredPeer[];
}

export function storedPeers(peers: readonly StoredPeer[]): StoredPeers {
  return { format: FORMAT, peers };
}

/** Throws an error that says what is wrong. */
export function decodeStoredPeers(value: unknown): StoredPeers {
  const fields = objectOf(value, 'the content');
  if (fields['format'] !== FORMAT) throw malformed('format', FORMAT);
  return storedPeers(list(fields, 'peers', MAX_PEERS, storedPeer));
}

function storedPeer(value: unknown, what: string): StoredPeer {
  const fields = objectOf(value, what);
  const record = raw(fields, 'record');
  return compact<StoredPeer>({
    id: text(fields, 'id', MAX_CHARS),
    name: text(fields, 'name', MAX_CHARS),
    peer_id: text(fields, 'peer_id', MAX_CHARS),
    public_key: text(fields, 'public_key', MAX_CHARS),
    api_url: text(fields, 'api_url', MAX_CHARS),
    stream_address: text(fields, 'stream_address', MAX_CHARS),
    nats_address: text(fields, 'nats_address', MAX_CHARS),
    wallet_address: text(fields, 'wallet_address', MAX_CHARS),
    relation: relation(fields),
    verify: boolean(fields, 'verify'),
    // Signed: who relies on it verifies it.
    record: record === undefined ? undefined : (objectOf(record, 'record') as unknown as PeerRecord),
    updated_at: integer(fields, 'updated_at', 0),
  });
}

function relation(fields: Fields): Relation {
  const number = integer(fields, 'relation', 0);
  const known = Object.values(RELATIONS).find((each) => each === number);
  if (known === undefined) throw malformed('relation', 'a relation');
  return known;
}
