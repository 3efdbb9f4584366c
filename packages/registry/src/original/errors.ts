import { defineErrors } from '@muster/core';

/** Errors of reading and writing the files of the original server (spec §10.1, §10.2, B-29, B-34). */
export const originalErrors = defineErrors({
  ORIGINAL_SNAPSHOT_SYNTAX: {
    summary: 'The snapshot of the original server is not one complete JSON object.',
    hint: 'The file is damaged or was cut short. Import a backup copy; the file itself was not changed.',
  },
  ORIGINAL_SNAPSHOT_SHAPE: {
    summary: 'A member of the snapshot of the original server has a type or range that it can not have.',
    hint: 'The original server would refuse this file too. Correct the member at the given path or import a backup.',
  },
  ORIGINAL_SNAPSHOT_VERSION: {
    summary: 'The snapshot has a version that is not known here (known are 0 and 1).',
    hint: 'The file was written by a newer server. Use a Muster that knows this version.',
  },
  ORIGINAL_SNAPSHOT_CHECKSUM: {
    summary: 'The snapshot does not match the checksum it carries.',
    hint: 'The content was changed after it was written. Import a backup copy; the file itself was not changed.',
  },
  ORIGINAL_SNAPSHOT_TOO_LARGE: {
    summary:
      'One element of the snapshot (a single node, network or list) exceeds the size limit of an element.',
    hint: 'Raise maxElementBytes when the file is genuine; the size of the whole file is not limited.',
  },
  ORIGINAL_EXPORT_INCOMPLETE: {
    summary: 'The summary of an export was asked for before all of its chunks were taken.',
    hint: 'Iterate the export to its end first.',
  },
  ORIGINAL_LOG_RECORD_TOO_LARGE: {
    summary: 'A record for the log of the original server is larger than 1 MiB, where replay would stop.',
    hint: 'Shorten the lists of the record; the original loses everything behind such a record.',
  },
});

/** The codes of {@link originalErrors}. */
export type OriginalErrorCode = keyof typeof originalErrors.definitions;
