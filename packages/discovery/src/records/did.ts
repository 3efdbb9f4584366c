/** DIDs of participants: UUIDs, derived from the peer id unless the fleet keeps its own (discovery spec 9.3). */

import { createHash } from 'node:crypto';
import type { PeerId } from '../wire/messages.ts';

/** UUIDv5 of the URL namespace over `opencloud:did:v1`. */
export const DID_NAMESPACE = 'f2d78b29-9d83-558a-b39f-dbb275b1f7c7';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether a text is a UUID in its canonical form, lower case: two spellings would be two keys of the DHT. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}

/** The DID of a peer in `derived` mode: UUIDv5 of its peer id. */
export function derivedDid(peer: PeerId): string {
  return uuidV5(DID_NAMESPACE, peer);
}

/** UUID version 5 (RFC 9562) of a name within a namespace, which is a UUID. */
export function uuidV5(namespace: string, name: string): string {
  const bytes = createHash('sha1')
    .update(Buffer.from(namespace.replaceAll('-', ''), 'hex'))
    .update(name)
    .digest();
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex', 0, 16);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
