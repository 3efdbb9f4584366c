export { createKeyPair, loadKeyPair } from './adapters/key-files.ts';
export type { KeyPairFiles, LoadedKeyPair } from './adapters/key-files.ts';
export { createPskFile, readPskFile } from './adapters/psk-file.ts';
export type { LoadedPsk } from './adapters/psk-file.ts';
export { Psk } from './psk.ts';
