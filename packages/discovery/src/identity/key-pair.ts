/** The key pair of a peer as PEM texts (discovery spec 4.1): PKCS#8 for the private key, SPKI for the public one. */

import { createPublicKey, type KeyObject } from 'node:crypto';
import { Identity, verificationKey } from '@muster/core/identity';
import { discoveryErrors } from '../errors.ts';

const PUBLIC_LABEL = '-----BEGIN PUBLIC KEY-----';

/** The public key of an identity as PEM, as `openssl pkey -pubout` writes it. */
export function publicKeyPem(identity: Identity): string {
  return verificationKey(identity.publicKey).export({ format: 'pem', type: 'spki' }) as string;
}

/**
 * Reads a key pair. Throws KEY_FILE_INVALID when either text is no Ed25519 key in its format, or they are not of one
 * pair; never quotes them.
 */
export function identityFromPems(privatePem: string, publicPem: string): Identity {
  let identity: Identity;
  try {
    identity = Identity.fromPem(privatePem);
  } catch {
    throw discoveryErrors.create('KEY_FILE_INVALID', 'not an Ed25519 private key in PEM (PKCS#8)');
  }
  let key: KeyObject | undefined;
  try {
    // The parser would also take a private key here.
    if (publicPem.trimStart().startsWith(PUBLIC_LABEL)) key = createPublicKey(publicPem);
  } catch {
    key = undefined;
  }
  if (key?.asymmetricKeyType !== 'ed25519') {
    throw discoveryErrors.create('KEY_FILE_INVALID', 'not an Ed25519 public key in PEM (SPKI)');
  }
  if (!key.equals(verificationKey(identity.publicKey))) {
    throw discoveryErrors.create('KEY_FILE_INVALID', 'the public key is not the one of the private key');
  }
  return identity;
}
