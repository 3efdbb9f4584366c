import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { root } from '../../packages.ts';

test('the program in README.md runs', async () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const program = /```js\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--conditions=muster-source', '--input-type=module', '--eval', program],
    { cwd: root, timeout: 30_000 },
  );
  expect(stdout).toBe('beta finds alpha: node 1 at 127.0.0.1:4000\n');
});
