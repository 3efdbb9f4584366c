import { defineErrors } from './errors.ts';

/** The coded errors of @muster/core itself. */
export const coreErrors = defineErrors({
  CONFIG_INVALID: {
    summary: 'One or more settings are wrong; the message lists every one of them and where it came from.',
    hint: 'Correct the listed flags, environment variables or lines of the file. `--help` lists all settings.',
  },
  LIFECYCLE_STOPPED: {
    summary: 'Stopping was asked for before everything had started.',
  },
  LIFECYCLE_STOP_TIMEOUT: {
    summary: 'A part of the program did not stop within its time and was left behind.',
    hint: 'What was acknowledged is safe. If it happens again, report the name of the part and the log.',
  },
});
