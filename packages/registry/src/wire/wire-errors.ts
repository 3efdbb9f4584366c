import { defineErrors } from '@muster/core';

/** Errors of encoding: faults of the program, not of a peer. */
export const wireErrors = defineErrors({
  JSON_TOO_DEEP: { summary: 'A value nests deeper than any decoded message can.' },
});
