/** Records of peers, for whoever only checks them and runs nothing. */
export { derivedDid, isUuid } from './did.ts';
export { verifyPeerRecord } from './peer-record.ts';
export type { RecordCheck, RecordCheckOptions, RecordFault } from './peer-record.ts';
export { ed25519Crypto } from './ed25519-crypto.ts';
export type { RecordCrypto } from './record-crypto.ts';
export { discoveryConstants } from '../constants.ts';
export type { PeerRecord } from '../wire/messages.ts';
export type { VerifiedRecord } from '../parts.ts';
