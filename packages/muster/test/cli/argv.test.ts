import { describe, expect, it } from 'vitest';
import { normalizeArguments } from '../../src/cli/argv.ts';

const normalize = (...args: readonly string[]): readonly string[] =>
  normalizeArguments(args, (name) => name === 'tls' || name === 'strict-registration-auth');

describe('arguments as the original takes them', () => {
  it('gives flags with one dash their second', () => {
    expect(normalize('-registry-addr', ':9000', '-store=/a/b-c', '-admin_token', 'x')).toEqual([
      '--registry-addr',
      ':9000',
      '--store=/a/b-c',
      '--admin-token',
      'x',
    ]);
  });

  it('takes a switch with its value apart', () => {
    expect(normalize('-tls=true', '--tls=false', '-strict-registration-auth=1', '--tls')).toEqual([
      '--tls',
      '--no-tls',
      '--strict-registration-auth',
      '--tls',
    ]);
  });

  it('leaves everything else as it is', () => {
    const others = ['-h', '-V', 'serve', '--http=off', '-', '-5', '--tls=perhaps', '/-registry-addr'];
    expect(normalize(...others)).toEqual(others);
    expect(normalize('a', '--', '-registry-addr')).toEqual(['a', '--', '-registry-addr']);
  });
});
