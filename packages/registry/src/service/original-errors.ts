import { defineErrors } from '@muster/core';

/** Errors of moving a store between the original server and Muster (spec §10.1–10.3, B-29, B-34). */
export const transferErrors = defineErrors({
  IMPORT_NOTHING: {
    summary: 'An import was asked for without a snapshot and without a log.',
    hint: 'Name the snapshot of the original server, its log, or both.',
  },
  IMPORT_CHECKSUM_MISSING: {
    summary: 'A snapshot of version 1 carries no checksum, so nothing tells whether it is whole.',
    hint: 'Import a backup copy that has one. If you trust the file as it is, import with `--accept-missing-checksum`.',
  },
  IMPORT_LOG_STOPPED: {
    summary: 'The log of the original server can not be read to its end.',
    hint: 'Import a backup copy of it, or import with `--salvage`, which uses every record that is intact and lists the rest.',
  },
  IMPORT_TARGET: {
    summary: 'The directory that an import shall fill is not empty.',
    hint: 'Nothing was changed. Name a new directory: an import never overwrites. What an import that did not finish has left may be removed.',
  },
  IMPORT_TOO_LARGE: {
    summary: 'The store of the original server has more identities than the limits allow.',
    hint: 'Raise maxNodes or maxTombstones.',
  },
  IMPORT_UNVERIFIED: {
    summary: 'What was written to the new store is not what was read; the store is marked as unfinished.',
    hint: 'Check the disk and the memory of the machine, remove the directory and import again.',
  },
  EXPORT_TARGET: {
    summary: 'The file that an export shall write exists.',
    hint: 'Nothing was changed. Name a new file: an export never overwrites.',
  },
  EXPORT_UNVERIFIED: {
    summary: 'The written snapshot does not read back as what was exported; it was removed.',
    hint: 'Check the disk and the memory of the machine, and export again.',
  },
  STORE_NOT_FOUND: { summary: 'The directory holds no store.', hint: 'Name the data folder of a registry.' },
});

/** The codes of {@link transferErrors}. */
export type TransferErrorCode = keyof typeof transferErrors.definitions;
