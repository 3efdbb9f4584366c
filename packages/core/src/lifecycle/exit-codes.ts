import { errorCode } from '../errors.ts';

/** What an exit code tells the caller. Codes never change their meaning. */
export interface ExitCode {
  readonly code: number;
  readonly meaning: string;
}

/** The exit codes of `muster`; docs/OPERATIONS.md lists them. */
export const EXIT_CODES = {
  ok: { code: 0, meaning: 'Done, or stopped cleanly on request.' },
  failure: { code: 1, meaning: 'Failed for a reason that has no code of its own; the message says which.' },
  usage: { code: 2, meaning: 'Wrong command line or configuration. Nothing was started or changed.' },
  storeDamaged: {
    code: 3,
    meaning: 'The stored data is damaged. Nothing was changed; repair or restore it.',
  },
  storeLocked: { code: 4, meaning: 'Another process uses the data folder.' },
  diskFailed: { code: 5, meaning: 'The disk failed or is full. What was acknowledged is safe.' },
  addressInUse: { code: 6, meaning: 'Another program listens on the address.' },
  notPermitted: { code: 7, meaning: 'The system refused access to a file, a port or an address.' },
  fenced: { code: 8, meaning: 'A newer primary exists; this one may not go on.' },
  unreachable: { code: 9, meaning: 'The service that the command needs does not answer.' },
  refused: { code: 10, meaning: 'The service answered and refused.' },
  notFound: { code: 11, meaning: 'What the command asked for does not exist.' },
  stoppedUncleanly: {
    code: 12,
    meaning: 'Stopped on request, but a part did not stop in time or failed to.',
  },
  checkFailed: { code: 13, meaning: 'What was checked does not hold; the output says what.' },
  keyMismatch: { code: 14, meaning: 'A peer goes by a name that is registered for another key.' },
  interrupted: { code: 130, meaning: 'A second SIGINT ended it at once (128 + 2).' },
  terminated: { code: 143, meaning: 'A second SIGTERM ended it at once (128 + 15).' },
} as const satisfies Readonly<Record<string, ExitCode>>;

export type ExitCodeName = keyof typeof EXIT_CODES;

const BY_ERROR_CODE: Readonly<Record<string, ExitCodeName>> = {
  CONFIG_INVALID: 'usage',
  EADDRINUSE: 'addressInUse',
  EADDRNOTAVAIL: 'usage',
  EACCES: 'notPermitted',
  EPERM: 'notPermitted',
  ENOSPC: 'diskFailed',
  EDQUOT: 'diskFailed',
  EIO: 'diskFailed',
  EROFS: 'diskFailed',
  ECONNREFUSED: 'unreachable',
  ECONNRESET: 'unreachable',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  ENOTFOUND: 'unreachable',
  ETIMEDOUT: 'unreachable',
};

/**
 * The exit code that fits an error: that of its own code, else that of the nearest cause with a known code, else 1.
 * `services` adds the error codes of the services.
 */
export function exitCodeOf(
  error: unknown,
  services: Readonly<Partial<Record<string, ExitCodeName>>> = {},
): number {
  let current = error;
  for (let depth = 0; depth < 8 && current instanceof Error; depth++) {
    const code = errorCode(current);
    const name = code === undefined ? undefined : (services[code] ?? BY_ERROR_CODE[code]);
    if (name !== undefined) return EXIT_CODES[name].code;
    current = current.cause;
  }
  return EXIT_CODES.failure.code;
}
