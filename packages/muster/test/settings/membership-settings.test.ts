import { expect, test } from 'vitest';
import { membershipProblems } from '../../src/settings/membership-settings.ts';

const config = {
  values: {},
  sources: new Map([
    ['registry-pin', 'command line'],
    ['registry-tags', 'environment'],
    ['registry-tls', 'default'],
  ]),
  invalid: new Set<string>(),
};

test('without a registry nothing of it has an effect, but how one is reached that another setting names', () => {
  expect(membershipProblems(config)).toEqual([
    expect.stringContaining('registry-pin') as string,
    expect.stringContaining('registry-tags') as string,
  ]);
  expect(membershipProblems({ ...config, reachesAnother: true })).toEqual([
    expect.stringContaining('registry-tags') as string,
  ]);
});
