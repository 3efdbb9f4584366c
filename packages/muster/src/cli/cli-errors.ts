import { defineErrors, type ExitCodeName } from '@muster/core';

/** The coded errors of the command line itself. */
export const cliErrors = defineErrors({
  USAGE: {
    summary: 'The command line is not understood.',
    hint: '`muster help` lists the commands, `muster help <command>` tells what one takes.',
  },
  DATA_NOT_FOUND: {
    summary: 'The data folder holds no store.',
    hint: 'Check the folder given with --data. `muster registry serve` makes a new one.',
  },
  DATA_UNUSABLE: {
    summary: 'The data folder cannot be used as one.',
    hint: 'Choose another folder with --data, or give yourself access to this one.',
  },
  DATA_OF_ORIGINAL: {
    summary: 'The path is a store of the original, which has another format.',
    hint: 'Import it once: muster registry import --from <its snapshot> --data <new folder>',
  },
  NOT_IN_THIS_VERSION: {
    summary: 'A setting asks for something that this version does not do. Nothing was started.',
    hint: 'Leave the setting out. CHANGELOG.md says when it comes.',
  },
  ADDRESS_IN_USE: { summary: 'Another program listens on the address.' },
  ADDRESS_UNUSABLE: { summary: 'The address is none of this machine.' },
  ADDRESS_FORBIDDEN: { summary: 'The system does not let this user listen on the address.' },
  FILE_UNUSABLE: { summary: 'A file that a setting names cannot be used.' },
  NODE_UNKNOWN: {
    summary: 'The command acts for a node, and its id is not known.',
    hint: 'Run `muster nodes register` with this key and this registry first, or give the id with --node.',
  },
  ADMIN_TOKEN_MISSING: {
    summary: 'The list of all nodes is for administrators.',
    hint: 'Give --admin-token-file (with `npm start`: muster-data/admin-token), or list one network with --network.',
  },
  STATUS_UNREACHABLE: {
    summary: 'No node or indexer answers at the status address.',
    hint: 'Start it with --status-port, and give the same here: --status 127.0.0.1:<port>.',
  },
  STATUS_REFUSED: { summary: 'The node or indexer answered, and not with what was asked for.' },
  STATUS_NOT_FOUND: { summary: 'The node or indexer does not know what was asked for.' },
  MIRROR_UNREACHABLE: {
    summary: 'No mirror answers at the address.',
    hint: 'Start one with `muster mirror run`, or give the address that its banner shows: --mirror 127.0.0.1:<port>.',
  },
  MIRROR_REFUSED: { summary: 'The mirror answered, and not with what was asked for.' },
  MIRROR_UNUSED: { summary: 'The container runtime does not ask the mirror as it should.' },
  MEMBER_FAILED: { summary: 'A member of the demo did not start. The others were stopped.' },
  TARGET_EXISTS: {
    summary: 'The target is there already, and is not overwritten.',
    hint: 'Choose another one, or move it away.',
  },
});

/** Which exit code an error code of any part of the program leads to; see {@link exitCodeOf} of the core. */
export const EXIT_BY_CODE: Readonly<Partial<Record<string, ExitCodeName>>> = {
  USAGE: 'usage',
  DATA_NOT_FOUND: 'notFound',
  DATA_OF_ORIGINAL: 'usage',
  NOT_IN_THIS_VERSION: 'usage',
  ADDRESS_IN_USE: 'addressInUse',
  ADDRESS_UNUSABLE: 'usage',
  ADDRESS_FORBIDDEN: 'notPermitted',
  NODE_UNKNOWN: 'usage',
  ADMIN_TOKEN_MISSING: 'usage',
  STATUS_UNREACHABLE: 'unreachable',
  STATUS_REFUSED: 'refused',
  STATUS_NOT_FOUND: 'notFound',
  TARGET_EXISTS: 'usage',

  LOG_CORRUPT: 'storeDamaged',
  LOG_GAP: 'storeDamaged',
  SNAPSHOT_CORRUPT: 'storeDamaged',
  SIDE_FILE_CORRUPT: 'storeDamaged',
  STORE_INCOMPLETE: 'storeDamaged',
  STORE_FOREIGN: 'storeDamaged',
  STORE_LOCKED: 'storeLocked',
  LOG_FAILED: 'diskFailed',
  COPY_TARGET: 'usage',
  STORE_NOT_FOUND: 'notFound',
  IMPORT_NOTHING: 'usage',
  IMPORT_TARGET: 'usage',
  IMPORT_TOO_LARGE: 'usage',
  IMPORT_CHECKSUM_MISSING: 'storeDamaged',
  IMPORT_LOG_STOPPED: 'storeDamaged',
  IMPORT_UNVERIFIED: 'diskFailed',
  ORIGINAL_SNAPSHOT_SYNTAX: 'storeDamaged',
  ORIGINAL_SNAPSHOT_SHAPE: 'storeDamaged',
  ORIGINAL_SNAPSHOT_CHECKSUM: 'storeDamaged',
  ORIGINAL_SNAPSHOT_TOO_LARGE: 'storeDamaged',
  EXPORT_TARGET: 'usage',
  EXPORT_UNVERIFIED: 'diskFailed',

  tls_keypair_unusable: 'usage',
  invalid_admin_token_file: 'usage',
  invalid_key_ring: 'usage',
  invalid_allow_list: 'usage',

  OPTIONS_INVALID: 'usage',
  REQUEST_INVALID: 'usage',
  CREDENTIAL_MISSING: 'usage',
  CONNECT_FAILED: 'unreachable',
  CONNECTION_LOST: 'unreachable',
  TIMEOUT: 'unreachable',
  TLS_FAILED: 'unreachable',
  PIN_MISMATCH: 'unreachable',
  PROTOCOL: 'unreachable',
  REGISTRY_REFUSED: 'refused',

  KEY_FILE_NOT_FOUND: 'notFound',
  KEY_FILE_EXISTS: 'usage',
  KEY_FILE_PERMISSIONS: 'usage',
  KEY_FILE_INVALID: 'usage',

  CREDENTIALS_INVALID: 'usage',
  ORIGIN_UNKNOWN: 'usage',
  MIRROR_NOT_LOOPBACK: 'usage',
  MEMBERS_INVALID: 'usage',
  IDENTITY_INVALID: 'usage',
  REFERENCE_INVALID: 'usage',
  STORAGE_UNAVAILABLE: 'diskFailed',
  CONTENT_NOT_FOUND: 'notFound',
  DIGEST_MISMATCH: 'refused',
  ORIGIN_FAILED: 'refused',
  MIRROR_UNREACHABLE: 'unreachable',
  MIRROR_REFUSED: 'refused',
  MIRROR_UNUSED: 'refused',

  PSK_INVALID: 'usage',
  STORE_INVALID: 'storeDamaged',
  PEER_NOT_FOUND: 'notFound',
  PEER_OFFLINE: 'notFound',
  NO_INDEXER: 'unreachable',
};

/** Errors of the caller, unless the cause is that the system refused access or the disk failed. */
export const USAGE_UNLESS_THE_SYSTEM_REFUSED: ReadonlySet<string> = new Set([
  'DATA_UNUSABLE',
  'FILE_UNUSABLE',
  'KEY_FILE_IO',
]);
