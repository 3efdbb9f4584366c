import { expect, test } from 'vitest';
import { completeLockfile, missingOptionalPackages } from '../../lockfile/complete.ts';

const lockfile = JSON.stringify({
  name: 'x',
  packages: {
    '': { name: 'x' },
    'node_modules/@t/binding-linux-x64-gnu': { version: '1.0.0', os: ['linux'] },
    'node_modules/tool': {
      version: '1.0.0',
      dev: true,
      optionalDependencies: {
        '@t/binding-linux-x64-gnu': '1.0.0',
        '@t/binding-linux-arm-musleabihf': '1.0.0',
        '@t/binding-win32-arm64-msvc': '1.0.0',
      },
    },
  },
});

test('adds what npm left out, with the platform of its name', () => {
  expect(missingOptionalPackages(lockfile)).toHaveLength(2);
  const { text, added } = completeLockfile(lockfile);
  expect(added).toEqual(['@t/binding-linux-arm-musleabihf', '@t/binding-win32-arm64-msvc']);
  expect((JSON.parse(text) as { packages: object }).packages).toMatchObject({
    'node_modules/@t/binding-linux-arm-musleabihf': {
      version: '1.0.0',
      cpu: ['arm'],
      libc: ['musl'],
      os: ['linux'],
      dev: true,
      optional: true,
    },
    'node_modules/@t/binding-win32-arm64-msvc': { version: '1.0.0', cpu: ['arm64'], os: ['win32'] },
    'node_modules/tool': { version: '1.0.0' },
  });
  expect(missingOptionalPackages(text)).toEqual([]);
  expect(completeLockfile(text).text).toBe(text);
});

test('a package that does not say its platform is refused', () => {
  const unknown = lockfile.replace('@t/binding-win32-arm64-msvc', 'something');
  expect(() => completeLockfile(unknown)).toThrow('something does not say its platform');
});
