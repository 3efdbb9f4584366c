import type { PeerId } from '../wire/messages.ts';

/** Signatures of records, as a port: real Ed25519 in the daemon, a cheap stand-in for thousands of simulated peers. */
export interface RecordCrypto {
  readonly self: PeerId;
  /** Base64 of our public key, protobuf-encoded as libp2p does it (9.1 `pub_key`). */
  readonly publicKey: string;
  /** Base64 of the signature over the UTF-8 bytes of `message` with our key. */
  sign(message: string): string;
  /** Whether `signature` (base64) is one of `message` by `publicKey`. Never throws. */
  verify(publicKey: string, message: string, signature: string): boolean;
  /** The peer id that derives from the key, or undefined when it is no Ed25519 key in that encoding. */
  peerIdOf(publicKey: string): PeerId | undefined;
}
