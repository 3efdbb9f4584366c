import { defineErrors } from '@muster/core';

/** Why a running registry can't go on, beside the errors of its log. */
export const registryErrors = defineErrors({
  STATE_BROKEN: {
    summary: 'An event could not be applied: memory and log differ.',
    hint: 'Restart: the state is built anew from the log. If it happens again, keep the data folder and report it.',
  },
  LISTENER_FAILED: {
    summary: 'Connections can not be accepted any more.',
    hint: 'The message has the last error of the system; often the limit of open files is too low.',
  },
});
