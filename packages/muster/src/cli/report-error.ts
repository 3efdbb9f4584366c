import { errorCode, EXIT_CODES, exitCodeOf, MusterError } from '@muster/core';
import { refusalOf } from '@muster/client';
import { EXIT_BY_CODE } from './cli-errors.ts';
import type { CliIo } from './io.ts';

/** An error as a person or a script is told it. */
export interface ErrorReport {
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
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

/** What to tell of an error. The error itself, with its stack, is for a debugger. */
export function describeError(error: unknown): ErrorReport {
  const exitCode = exitCodeFor(error);
  if (error instanceof MusterError) {
    const refusal = refusalOf(error);
    const code = refusal?.code === undefined ? error.code : `${error.code}/${refusal.code}`;
    return { code, message: withCause(error), hint: error.hint, exitCode };
  }
  const code = errorCode(error) ?? 'INTERNAL';
  if (!(error instanceof Error)) return { code, message: String(error), hint: undefined, exitCode };
  const system = SYSTEM_ERRORS[code];
  if (system !== undefined) {
    const path = 'path' in error && typeof error.path === 'string' ? `${error.path}: ` : '';
    return { code, message: `${path}${system}`, hint: undefined, exitCode };
  }
  const hint =
    code === 'INTERNAL' ? 'This is a defect. MUSTER_DEBUG=1 shows where it comes from.' : undefined;
  return { code, message: error.message, hint, exitCode };
}

/** Reports an error on the standard error, and says how the process is to end. */
export function reportError(io: CliIo, json: boolean, error: unknown): number {
  const { code, message, hint, exitCode } = describeError(error);
  if (json) {
    io.stderr.write(
      `${JSON.stringify({ error: { code, message, ...(hint === undefined ? {} : { hint }) } })}\n`,
    );
  } else {
    const lines = [`muster: ${message}`, ...(hint === undefined ? [] : [`  ${hint}`])];
    io.stderr.write(`${lines.join('\n')}\n`);
  }
  const debug = io.environment['MUSTER_DEBUG'];
  if (debug !== undefined && debug !== '' && error instanceof Error)
    io.stderr.write(`${error.stack ?? ''}\n`);
  return exitCode;
}

function exitCodeFor(error: unknown): number {
  if (refusalOf(error)?.code === 'not_found') return EXIT_CODES.notFound.code;
  return exitCodeOf(error, EXIT_BY_CODE);
}

/** The message, with that of the system beneath it where the message does not have it yet. */
function withCause(error: MusterError): string {
  for (let cause = error.cause; cause instanceof Error; cause = cause.cause) {
    const code = errorCode(cause);
    if (code === undefined || error.message.includes(code)) continue;
    const system = SYSTEM_ERRORS[code];
    if (system !== undefined) return `${error.message} (${code}: ${system})`;
  }
  return error.message;
}
