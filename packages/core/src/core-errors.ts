import { defineErrors } from './errors.ts';

/** The coded errors of @muster/core itself. */
export const coreErrors = defineErrors({
  CONFIG_INVALID: {
    summary: 'One or more settings are wrong; the message lists every one of them and where it came from.',
    hint: 'Correct the listed flags, environment variables or lines of the file. `--help` lists all settings.',
  },
  LEASE_UNAVAILABLE: {
    summary:
      'No lease could be had, for the registry that grants them could not be reached in time, or refused. Work goes on by the rules that need none.',
    hint: 'Look at `cause`. Without leases an object may be pulled more than once when nodes differ about who is in the fleet.',
  },
  LIFECYCLE_STOPPED: {
    summary: 'Stopping was asked for before everything had started.',
  },
  LIFECYCLE_STOP_TIMEOUT: {
    summary: 'A part of the program did not stop within its time and was left behind.',
    hint: 'What was acknowledged is safe. If it happens again, report the name of the part and the log.',
  },
});
