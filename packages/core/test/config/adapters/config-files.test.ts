import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { errorCode, readConfigFile, readSecretFile, readStandardFiles } from '../../../src/index.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'muster-config-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

test('reads the configuration file, and says which one it could not read', () => {
  const path = join(directory, 'muster.yaml');
  writeFileSync(path, 'tls: true\n');
  expect(readConfigFile(path)).toEqual({ path, text: 'tls: true\n' });
  const missing = join(directory, 'missing.yaml');
  let caught: unknown;
  try {
    readConfigFile(missing);
  } catch (error) {
    caught = error;
  }
  expect(errorCode(caught)).toBe('CONFIG_INVALID');
  expect((caught as Error).message).toContain(missing);
});

test('reads those of the standard files that exist', () => {
  const path = join(directory, 'discovery.json');
  writeFileSync(path, '{}');
  expect(readStandardFiles([join(directory, 'none.json'), path])).toEqual([{ path, text: '{}' }]);
  expect(() => readStandardFiles([directory])).toThrow(directory);
});

test('reads a secret with the permissions of its file', () => {
  const path = join(directory, 'token');
  writeFileSync(path, 'abc\n');
  chmodSync(path, 0o640);
  const { text, mode } = readSecretFile(path);
  expect(text).toBe('abc\n');
  expect((mode ?? 0) & 0o777).toBe(0o640);
  expect(() => readSecretFile(join(directory, 'none'))).toThrow('ENOENT');
});
