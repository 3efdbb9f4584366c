import { writeFile } from 'node:fs/promises';
import { EXIT_CODES } from '@muster/core';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../../support/temporary.ts';
import { errorOf, run } from '../../support/test-io.ts';

const folder = temporaryFolder();

it('an origin says what is wrong with its data folder', async () => {
  const path = folder.path('file');
  await writeFile(path, '');
  const outcome = await run(['origin', 'serve', '--listen', '127.0.0.1:0', '--data', path, '--json']);
  expect(outcome.exitCode).toBe(EXIT_CODES.usage.code);
  expect(errorOf(outcome)).toMatchObject({
    code: 'DATA_UNUSABLE',
    hint: expect.stringContaining('--data') as unknown,
  });
});
