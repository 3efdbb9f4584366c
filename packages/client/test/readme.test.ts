import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { clientErrors } from '../src/index.ts';
import { resolveOptions } from '../src/options.ts';
import { FakeRegistry } from './fake-registry.ts';

const packageFolder = fileURLToPath(new URL('..', import.meta.url));
const readme = await readFile(join(packageFolder, 'README.md'), 'utf8');

describe('README.md', () => {
  it('its first example runs', async () => {
    await using fake = await FakeRegistry.start((request, connection) => {
      const { message, opcode } = request;
      if (opcode === 1) connection.native(0x81, Buffer.alloc(9));
      else if (opcode === 2)
        connection.native(0x82, Buffer.concat([Buffer.of(0, 0, 0, 7), Buffer.alloc(16)]));
      else
        connection.answer({
          type: 'register_ok',
          node_id: 7,
          address: '0:0000.0000.0007',
          hostname: message['hostname'],
        });
    });
    const example = /```js\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
    const folder = await mkdtemp(join(tmpdir(), 'muster-readme-'));
    try {
      await writeFile(join(folder, 'example.mjs'), example);
      await symlink(join(packageFolder, '..', '..', 'node_modules'), join(folder, 'node_modules'));
      const { stdout } = await promisify(execFile)(
        process.execPath,
        ['--conditions=muster-source', 'example.mjs'],
        { cwd: folder, timeout: 30_000, env: { ...process.env, MUSTER_REGISTRY: fake.address } },
      );
      expect(stdout).toBe('node 7 is 0:0000.0000.0007, private\n');
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('names every error, and no other', () => {
    const table = readme.slice(readme.indexOf('## Errors'), readme.indexOf('## What it does not do'));
    const named = new Set(
      [...table.matchAll(/`([A-Z]+_[A-Z_]+|TIMEOUT|ABORTED|PROTOCOL|CLOSED)`/g)].map((match) => match[1]),
    );
    expect(named).toEqual(new Set(Object.keys(clientErrors.definitions)));
  });

  it('has the defaults of the code', () => {
    const table = readme.slice(readme.indexOf('## Options'), readme.indexOf('## Calls'));
    const resolved = resolveOptions({ host: 'registry' }) as unknown as Record<string, unknown>;
    const rows = [...table.matchAll(/^\| `(\w+)` \| `?(\d+|'\w+')`? \|/gm)];
    expect(rows.length).toBeGreaterThanOrEqual(10);
    for (const [, name = '', value = ''] of rows) {
      expect(String(resolved[name]), name).toBe(value.replaceAll("'", ''));
    }
  });
});
