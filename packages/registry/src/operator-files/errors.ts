import { defineErrors } from '@muster/core';

/** Errors of the files that an operator edits next to the store. */
export const operatorFileErrors = defineErrors({
  operator_file_too_large: {
    summary: 'A file next to the store is larger than its limit.',
    hint: 'Look at the file: it should hold a short JSON document.',
  },
});
