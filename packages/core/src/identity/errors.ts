import { defineErrors } from '../errors.ts';

/** Codes of everything that can go wrong with a key, a derived name or a key file. */
export const identityErrors = defineErrors({
  KEY_INVALID: {
    summary: 'The bytes or the text are not an Ed25519 key.',
    hint: 'A seed and a raw public key have 32 bytes; a key file is PEM, PKCS#8.',
  },
  NAME_INVALID: {
    summary: 'The text is not a did:key or libp2p peer id of an Ed25519 key.',
  },
  REQUEST_NOT_CANONICAL: {
    summary: 'The request holds a value that has no canonical JSON form.',
    hint: 'Use finite numbers, strings, booleans, null, arrays and plain objects.',
  },
  KEY_FILE_NOT_FOUND: {
    summary: 'There is no key file at this path.',
    hint: 'Create one, or check the path.',
  },
  KEY_FILE_EXISTS: {
    summary: 'A file is already there, and a key is never overwritten.',
    hint: 'Use the key that is there, or choose another path. A key that is lost cannot be made again.',
  },
  KEY_FILE_PERMISSIONS: {
    summary: 'The key file can be read or written by others than its owner.',
    hint: 'chmod 600 the file; if others could read it, make a new key.',
  },
  KEY_FILE_INVALID: {
    summary: 'The file is not an Ed25519 private key in PEM (PKCS#8).',
  },
  KEY_FILE_IO: {
    summary: 'The key file could not be read or written.',
  },
});
