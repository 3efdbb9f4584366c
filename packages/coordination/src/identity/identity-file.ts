/** The identity file of an agent: a libp2p private key in protobuf form (coordination spec 17.1). */

import { Identity } from '@muster/core/identity';
import { coordinationErrors } from '../errors.ts';

/** `Type: Ed25519`, then `Data` of 64 bytes: the seed and the public key. */
const HEADER = Buffer.from([0x08, 0x01, 0x12, 0x40]);
/** As older libraries write it: `Data` of 96 bytes, with the public key once more. */
const LONG_HEADER = Buffer.from([0x08, 0x01, 0x12, 0x60]);
const PEM_BEGINNING = Buffer.from('-----BEGIN ');
const KEY_BYTES = 32;

/** The bytes of the file. Whoever has them is this peer: mode 0600. */
export function encodeIdentityFile(identity: Identity): Uint8Array {
  return Buffer.concat([HEADER, seedOf(identity), identity.publicKey]);
}

/**
 * The identity in the bytes of a file; PEM, as nodes of a registry have their keys, is taken as well. Throws IDENTITY_INVALID, with
 * nothing of the content.
 */
export function parseIdentityFile(bytes: Uint8Array): Identity {
  const file = Buffer.from(bytes);
  if (file.subarray(0, PEM_BEGINNING.length).equals(PEM_BEGINNING)) return parsePem(file);
  const header = file.subarray(0, HEADER.length);
  const data = file.subarray(HEADER.length);
  const isShort = header.equals(HEADER) && data.length === 2 * KEY_BYTES;
  const isLong = header.equals(LONG_HEADER) && data.length === 3 * KEY_BYTES;
  if (!isShort && !isLong) {
    throw coordinationErrors.create('IDENTITY_INVALID', 'the file is no Ed25519 private key of libp2p');
  }
  const identity = Identity.fromSeed(data.subarray(0, KEY_BYTES));
  for (let start = KEY_BYTES; start < data.length; start += KEY_BYTES) {
    if (!data.subarray(start, start + KEY_BYTES).equals(identity.publicKey)) {
      throw coordinationErrors.create(
        'IDENTITY_INVALID',
        'the public key in the file is that of another key',
      );
    }
  }
  return identity;
}

function parsePem(file: Buffer): Identity {
  try {
    return Identity.fromPem(file.toString());
  } catch {
    // The cause is dropped on purpose: it might quote what was read.
    throw coordinationErrors.create('IDENTITY_INVALID', 'the file is no Ed25519 private key in PEM');
  }
}

/** The seed is the end of the PKCS#8 document. */
function seedOf(identity: Identity): Uint8Array {
  const der = Buffer.from(identity.toPem().replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
  return der.subarray(-KEY_BYTES);
}
