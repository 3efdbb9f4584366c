import { writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { examineNamedFiles } from '../../src/doctor/named-files.ts';
import { temporaryFolder } from '../support/temporary.ts';

const folder = temporaryFolder();

it('a file that was named and is not there is said, unless none is meant', async () => {
  const there = folder.path('there.toml');
  await writeFile(there, '');
  const missing = folder.path('missing.conf');
  const named = { 'containerd-config': there, 'registries-conf': missing, 'docker-config': 'none' };
  expect(examineNamedFiles(named)).toMatchObject([
    {
      status: 'warning',
      found: `there is no ${missing}`,
      fix: expect.stringContaining('--registries-conf') as unknown,
    },
  ]);
});
