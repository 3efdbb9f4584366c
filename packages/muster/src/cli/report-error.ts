import { errorCode, EXIT_CODES, exitCodeOf, MusterError } from '@muster/core';
import { refusalOf } from '@muster/client';
import { EXIT_BY_CODE, USAGE_UNLESS_THE_SYSTEM_REFUSED } from './cli-errors.ts';
import type { CliIo } from './io.ts';
import { hintFor, refusalMessage } from './registry-hints.ts';

/** An error as a person or a script is told it. */
export interface ErrorReport {
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
  /** Of a refusal: the code that the registry gave. */
  readonly refusal: string | undefined;
  readonly exitCode: number;
}

const SYSTEM_ERRORS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  ENOENT: 'no such file or directory',
  ENOTDIR: 'a part of the path is not a folder',
  EEXIST: 'there is something else already',
  EISDIR: 'is a folder',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the file system is read-only',
  EIO: 'the disk failed',
  EMFILE: 'too many open files',
};

const DEFECT_HINT = 'This is a defect. MUSTER_DEBUG=1 shows where it comes from.';

/** What to tell of an error. Its stack is for a debugger, and left out. */
export function describeError(error: unknown): ErrorReport {
  const exitCode = exitCodeFor(error);
  const other = { hint: undefined, refusal: undefined, exitCode };
  if (error instanceof MusterError) {
    const refusal = refusalOf(error);
    const message = refusal === undefined ? withCause(error) : refusalMessage(error, refusal);
    return { code: error.code, message, hint: hintFor(error), refusal: refusal?.code, exitCode };
  }
  const code = errorCode(error) ?? 'INTERNAL';
  if (!(error instanceof Error)) return { ...other, code, message: String(error) };
  const system = SYSTEM_ERRORS[code];
  if (system === undefined) {
    return { ...other, code, message: error.message, hint: code === 'INTERNAL' ? DEFECT_HINT : undefined };
  }
  const path = 'path' in error && typeof error.path === 'string' ? `${error.path}: ` : '';
  return { ...other, code, message: `${path}${system}` };
}

/** Reports an error on the standard error, and says how the process is to end. */
export function reportError(io: CliIo, json: boolean, error: unknown): number {
  const { exitCode, ...report } = describeError(error);
  if (json) io.stderr.write(`${JSON.stringify({ error: report })}\n`);
  else {
    const hint = report.hint === undefined ? '' : `  ${report.hint}\n`;
    io.stderr.write(`muster: ${report.message}\n${hint}`);
  }
  const debug = io.environment['MUSTER_DEBUG'];
  if (debug !== undefined && debug !== '' && error instanceof Error) {
    io.stderr.write(`${error.stack ?? ''}\n`);
  }
  return exitCode;
}

function exitCodeFor(error: unknown): number {
  if (refusalOf(error)?.code === 'not_found') return EXIT_CODES.notFound.code;
  const code = exitCodeOf(error, EXIT_BY_CODE);
  if (code !== EXIT_CODES.failure.code) return code;
  return USAGE_UNLESS_THE_SYSTEM_REFUSED.has(errorCode(error) ?? '') ? EXIT_CODES.usage.code : code;
}

/** The message, with that of the system beneath it where the message does not have it yet. */
function withCause(error: MusterError): string {
  for (let cause = error.cause; cause instanceof Error; cause = cause.cause) {
    const code = errorCode(cause);
    const system = code === undefined ? undefined : SYSTEM_ERRORS[code];
    if (system === undefined || code === undefined) continue;
    // That there is something already, and what, is what the message is about.
    const isSaid = code === 'EEXIST' || [code, system].some((text) => error.message.includes(text));
    return isSaid ? error.message : `${error.message} (${code}: ${system})`;
  }
  return error.message;
}
