import { clientErrors } from '@muster/client';
import { coreErrors, EXIT_CODES, MusterError } from '@muster/core';
import { logErrors } from '@muster/registry';
import { describe, expect, it } from 'vitest';
import { EXIT_BY_CODE } from '../../src/cli/cli-errors.ts';
import { describeError, reportError } from '../../src/cli/report-error.ts';
import { TestIo } from '../support/test-io.ts';

const system = (code: string, more: object = {}): Error =>
  Object.assign(new Error(`${code}: something, open '/x'`), { code, ...more });

const refused = (code: string | undefined, text: string, retryAfterMs?: number): Error =>
  clientErrors.create('REGISTRY_REFUSED', `lookup refused by the registry: ${text}`, {
    details: { requestType: 'lookup', refusal: { text, code, retryAfterMs } },
  });

describe('reports of errors', () => {
  it.each([
    [system('EACCES', { path: '/x' }), 'EACCES', '/x: permission denied', EXIT_CODES.notPermitted],
    [system('ENOSPC'), 'ENOSPC', 'the disk is full', EXIT_CODES.diskFailed],
    [system('EWEIRD'), 'EWEIRD', "EWEIRD: something, open '/x'", EXIT_CODES.failure],
    [new Error('oops'), 'INTERNAL', 'oops', EXIT_CODES.failure],
    ['text', 'INTERNAL', 'text', EXIT_CODES.failure],
    [coreErrors.create('CONFIG_INVALID', 'bad'), 'CONFIG_INVALID', 'bad', EXIT_CODES.usage],
    [
      logErrors.create('LOG_CORRUPT', 'f, offset 7: x'),
      'LOG_CORRUPT',
      'f, offset 7: x',
      EXIT_CODES.storeDamaged,
    ],
    [
      logErrors.create('LOG_FAILED', 'the log cannot be written', { cause: system('ENOSPC') }),
      'LOG_FAILED',
      'the log cannot be written (ENOSPC: the disk is full)',
      EXIT_CODES.diskFailed,
    ],
    [clientErrors.create('CONNECT_FAILED', 'no'), 'CONNECT_FAILED', 'no', EXIT_CODES.unreachable],
    [
      new MusterError('KEY_FILE_IO', 'key', { cause: system('EACCES') }),
      'KEY_FILE_IO',
      'key (EACCES: permission denied)',
      EXIT_CODES.notPermitted,
    ],
    [
      new MusterError('KEY_FILE_EXISTS', 'there is a file already: f', { cause: system('EEXIST') }),
      'KEY_FILE_EXISTS',
      'there is a file already: f',
      EXIT_CODES.usage,
    ],
    [
      new MusterError('KEY_FILE_NOT_FOUND', 'no such file or directory: f', { cause: system('ENOENT') }),
      'KEY_FILE_NOT_FOUND',
      'no such file or directory: f',
      EXIT_CODES.notFound,
    ],
    [
      new MusterError('FILE_UNUSABLE', 'f (ENOENT)', { cause: system('ENOENT') }),
      'FILE_UNUSABLE',
      'f (ENOENT)',
      EXIT_CODES.usage,
    ],
    [
      refused('not_found', 'node 7: node not found'),
      'REGISTRY_REFUSED',
      'lookup refused by the registry: node 7: node not found',
      EXIT_CODES.notFound,
    ],
    [
      refused('private', 'request failed'),
      'REGISTRY_REFUSED',
      'lookup refused by the registry: the node is private and neither trusts the requester nor shares a network with it',
      EXIT_CODES.refused,
    ],
    [
      refused('rate_limited', 'rate limited', 1500),
      'REGISTRY_REFUSED',
      'lookup refused by the registry: rate limited (try again in 2 s)',
      EXIT_CODES.refused,
    ],
    [
      refused(undefined, 'request failed'),
      'REGISTRY_REFUSED',
      'lookup refused by the registry: request failed',
      EXIT_CODES.refused,
    ],
  ])('%s', (error, code, message, exit) => {
    const report = describeError(error);
    expect(report).toMatchObject({ code, message, exitCode: exit.code });
    expect(report.message).not.toContain('    at ');
  });

  it('are two lines for a person, one line of JSON for a script', () => {
    const error = clientErrors.create('CONNECT_FAILED', 'no connection');
    const person = new TestIo();
    reportError(person, false, error);
    expect(person.written).toEqual({
      stdout: '',
      stderr:
        'muster: no connection\n  Does a registry run there? `npm start` (or `muster dev`) runs one; --registry names another address.\n',
    });
    const script = new TestIo();
    reportError(script, true, refused('private', 'x'));
    expect(JSON.parse(script.written.stderr)).toEqual({
      error: {
        code: 'REGISTRY_REFUSED',
        message: 'lookup refused by the registry: x',
        hint: 'It tells its address only to nodes that it trusts, and to members of a network that both are in.',
        refusal: 'private',
      },
    });
  });

  it('have a stack only for a debugger', () => {
    const quiet = new TestIo();
    reportError(quiet, false, new Error('oops'));
    expect(quiet.written.stderr).not.toContain(import.meta.filename);
    const debug = new TestIo({ environment: { MUSTER_DEBUG: '1' } });
    reportError(debug, false, new Error('oops'));
    expect(debug.written.stderr).toContain(import.meta.filename);
  });

  it('lead to exit codes that exist', () => {
    for (const name of Object.values(EXIT_BY_CODE)) expect(EXIT_CODES).toHaveProperty(String(name));
  });
});
