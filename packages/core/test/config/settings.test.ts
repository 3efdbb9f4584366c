import { describe, expect, test } from 'vitest';
import { defineSettings, describeFlags, type Setting } from '../../src/index.ts';

const base = { environment: 'X_Y', description: 'd', group: 'g' } as const;

describe('defineSettings refuses', () => {
  const wrong: readonly (readonly [string, Record<string, Setting>])[] = [
    ['a key that is not kebab case', { maxFrame: { ...base, type: 'integer' } }],
    ['an environment name in lower case', { 'max-frame': { ...base, type: 'integer', environment: 'x' } }],
    ['one name for two settings', { a: { ...base, type: 'text' }, b: { ...base, type: 'text' } }],
    [
      'the file flag of a secret as another setting',
      {
        a: { ...base, type: 'secret' },
        'a-file': { ...base, type: 'path', environment: 'Z' },
      },
    ],
    ['a default out of range', { a: { ...base, type: 'integer', default: 0, min: 1 } }],
    ['a default that is no whole number', { a: { ...base, type: 'integer', default: 1.5 } }],
    ['a default that is no number', { a: { ...base, type: 'number', default: Number.NaN } }],
    ['a number out of range', { a: { ...base, type: 'number', default: 2, max: 1.5 } }],
    ['a duration that is none', { a: { ...base, type: 'duration', default: '5' } }],
    ['a size out of range', { a: { ...base, type: 'size', default: '2KiB', max: '1KiB' } }],
    ['a default that is no choice', { a: { ...base, type: 'text', default: 'x', choices: ['y'] } }],
  ];
  test.each(wrong)('%s', (_, settings) => {
    expect(() => defineSettings(settings)).toThrow(TypeError);
  });
});

test('flags for any parser', () => {
  const flags = describeFlags(
    defineSettings({
      'stale-threshold': { ...base, type: 'duration', default: '30m' },
      tls: { ...base, type: 'boolean', environment: 'T', default: false },
      seeds: { ...base, type: 'list', environment: 'S' },
      'admin-token': { ...base, type: 'secret', environment: 'A' },
    }),
  );
  expect(flags.map(({ name, property, valueName }) => [name, property, valueName])).toEqual([
    ['stale-threshold', 'staleThreshold', 'duration'],
    ['tls', 'tls', undefined],
    ['seeds', 'seeds', 'list'],
    ['admin-token', 'adminToken', 'secret'],
    ['admin-token-file', 'adminTokenFile', 'path'],
  ]);
  expect(flags[0]?.defaultText).toBe('30m');
  expect(flags[1]?.isNegatable).toBe(true);
  expect(flags[2]?.isRepeatable).toBe(true);
});
