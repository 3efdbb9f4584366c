import { defineErrors } from '@muster/core';

const RECOVER =
  'Nothing was changed. See what can be saved with `muster registry verify`; then restore a backup, or start once with ' +
  '`muster registry serve --recover`, which keeps the damaged files beside the repaired ones.';

/** The errors of the log, its snapshots and side files. Their details name the file, the offset and the sequence. */
export const logErrors = defineErrors({
  LOG_CORRUPT: { summary: 'A log segment is damaged where nothing but damage explains it.', hint: RECOVER },
  LOG_GAP: { summary: 'Records that the store must have are missing.', hint: RECOVER },
  SNAPSHOT_CORRUPT: { summary: 'The newest snapshot is damaged.', hint: RECOVER },
  STORE_VERSION: {
    summary: 'The store was written by a version of Muster that this one does not understand.',
    hint: 'Nothing was changed. Use the version that wrote it, or a newer one.',
  },
  STORE_FOREIGN: {
    summary: 'The store holds a file that is not its own, or belongs to another store.',
    hint: 'Nothing was changed. Move the file out of the store, or restore a backup.',
  },
  STORE_INCOMPLETE: {
    summary: 'The directory holds a copy of a store that was never finished.',
    hint: 'Remove the directory and copy again with `muster registry backup`.',
  },
  STORE_LOCKED: {
    summary: 'Another process has this store open.',
    hint: 'Stop the other process, or use another directory.',
  },
  LOG_RECORD_TOO_LARGE: { summary: 'A record is larger than `maxRecordBytes`; nothing was written.' },
  LOG_CONGESTED: {
    summary: 'More than `maxPendingBytes` wait to be written; nothing was written.',
    hint: 'The disk is slower than the writers. Try again later.',
  },
  LOG_FAILED: {
    summary: 'The log could not write or sync, and accepts nothing any more.',
    hint: 'Free or repair the disk, then start again: what was acknowledged is recovered from the disk.',
  },
  LOG_CLOSED: { summary: 'The log was closed.' },
  SNAPSHOT_FAILED: { summary: 'A snapshot could not be written; the log goes on without it.' },
  SIDE_FILE_CORRUPT: {
    summary: 'A side file is damaged.',
    hint: 'Nothing was changed. Restore the file from a backup, or move it away to go on without it.',
  },
  COPY_TARGET: { summary: 'The target of a copy is not an empty directory.' },
  COPY_FAILED: { summary: 'The store could not be copied.' },
});
