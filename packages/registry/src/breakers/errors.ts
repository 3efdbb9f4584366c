import { defineErrors } from '@muster/core';

/** Errors of the operator's circuit breakers (spec section 3.2). */
export const breakerErrors = defineErrors({
  breaker_open: {
    summary: 'An operator has switched this part of the service off.',
    hint: 'Try again later, or ask the operator; `GET /api/breakers` lists the reasons.',
  },
  breaker_state_unknown: {
    summary: 'A breaker was given a state that does not exist.',
    hint: 'Use closed, half_open or open.',
  },
  breaker_unknown: {
    summary: 'There is no breaker of this name.',
    hint: '`GET /api/breakers` lists the names.',
  },
  breaker_file_invalid: {
    summary: 'breakers.json is not a set of breakers.',
    hint: 'Write {"<name>": {"state": "open", "reason": "why"}}; the previous settings stay in force until then.',
  },
});
