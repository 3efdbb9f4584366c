import { writeFile } from 'node:fs/promises';
import { EXIT_CODES } from '@muster/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningRegistry, startRegistry } from '../support/running-registry.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { errorOf, type Outcome, run, TestIo } from '../support/test-io.ts';

const folder = temporaryFolder();
const ADMIN_TOKEN = 'token-of-the-test';
let registry: RunningRegistry;

beforeAll(async () => {
  registry = await startRegistry(['registry', 'serve', '--in-memory', '--admin-token', ADMIN_TOKEN]);
});
afterAll(async () => {
  await registry.stop();
});

async function muster(...args: readonly string[]): Promise<Outcome> {
  const environment = { MUSTER_REGISTRY: registry.ready.address, MUSTER_ADMIN_TOKEN: ADMIN_TOKEN };
  return await run(args, new TestIo({ homeDirectory: folder.path('home'), environment }));
}

describe('muster networks', () => {
  it('creates a network that is joined with a token, and lists it with its members', async () => {
    const token = folder.path('token');
    await writeFile(token, 'a-token-of-some-length\n', { mode: 0o600 });
    expect((await muster('nodes', 'register', '--hostname', 'owner-one')).exitCode).toBe(0);
    const made = await muster('networks', 'create', 'edge', '--network-token-file', token, '--json');
    expect(made.exitCode).toBe(0);
    const { network } = JSON.parse(made.stdout) as { network: number };
    const listed = await muster('networks', 'list', '--json');
    expect(JSON.parse(listed.stdout)).toMatchObject({
      networks: expect.arrayContaining([{ network, name: 'edge', joinRule: 'token', members: 1 }]),
    });
    expect((await muster('networks', 'list')).stdout).toContain('edge');
    expect(made.stdout + listed.stdout).not.toContain('a-token-of-some-length');
    const again = await muster('networks', 'create', 'edge', '--network-token-file', token, '--json');
    expect(again.exitCode).toBe(EXIT_CODES.refused.code);
  });

  it('refuses a rule without its token, and a token without its rule', async () => {
    const without = await muster('networks', 'create', 'x', '--json');
    expect(errorOf(without)).toMatchObject({
      code: 'USAGE',
      hint: expect.stringContaining('--network-token-file'),
    });
    const needless = await muster(
      'networks',
      'create',
      'x',
      '--join-rule',
      'open',
      '--network-token',
      't',
      '--json',
    );
    expect(errorOf(needless)).toMatchObject({ code: 'USAGE' });
    const unknown = await muster('networks', 'create', 'x', '--join-rule', 'open', '--json');
    expect(errorOf(unknown)).toMatchObject({
      code: expect.stringMatching(/NODE_UNKNOWN|KEY_FILE_NOT_FOUND/),
    });
  });
});
