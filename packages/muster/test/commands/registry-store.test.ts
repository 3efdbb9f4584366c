import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EXIT_CODES } from '@muster/core';
import { describe, expect, it } from 'vitest';
import { type RunningRegistry, startRegistry } from '../support/running-registry.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { errorOf, run, TestIo } from '../support/test-io.ts';

const folder = temporaryFolder();

/** A registry with three nodes. */
async function filled(data: string): Promise<RunningRegistry> {
  const registry = await startRegistry(['registry', 'serve', '--make-admin-token', '--data', data]);
  const io = (): TestIo => new TestIo({ environment: { MUSTER_REGISTRY: registry.ready.address } });
  for (const name of ['alpha', 'beta', 'gamma']) {
    const key = folder.path(`${name}.pem`);
    expect((await run(['nodes', 'register', '--key', key, '--hostname', name], io())).exitCode).toBe(0);
  }
  return registry;
}

/** Flips a byte of the oldest segment of the log. */
async function damage(data: string, offset: number): Promise<string> {
  const [segment = ''] = (await readdir(join(data, 'log'))).filter((name) => name.endsWith('.log')).sort();
  const bytes = await readFile(join(data, 'log', segment));
  bytes[offset] = (bytes[offset] as number) ^ 0xff;
  await writeFile(join(data, 'log', segment), bytes);
  return segment;
}

describe('muster registry verify', () => {
  it('says that a store is good, and what is in it', async () => {
    const data = folder.path('data');
    await (await filled(data)).stop();
    const before = await readdir(data, { recursive: true });
    const { exitCode, stdout, stderr } = await run(['registry', 'verify', '--data', data]);
    expect({ exitCode, stderr }).toEqual({ exitCode: EXIT_CODES.ok.code, stderr: '' });
    expect(stdout).toContain(`${data}: the store is good\n`);
    expect(stdout).toMatch(/\n {2}nodes +3 live, 0 gone\n/);
    const json = JSON.parse((await run(['registry', 'verify', '--data', data, '--json'])).stdout) as object;
    expect(json).toMatchObject({
      data,
      ok: true,
      contents: { nodes: 3 },
      contentsError: null,
      log: { problems: [] },
    });
    expect((await readdir(data, { recursive: true })).sort()).toEqual(before.sort());
  });

  it('says where a store is damaged, and what to do', async () => {
    const data = folder.path('data');
    await (await filled(data)).stop();
    const segment = await damage(data, 150);
    const { exitCode, stdout } = await run(['registry', 'verify', '--data', data]);
    expect(exitCode).toBe(EXIT_CODES.storeDamaged.code);
    expect(stdout).toContain(`${data}: the store is damaged\n`);
    expect(stdout).toMatch(new RegExp(`\\* .*${segment}, offset \\d+: .* \\(LOG_CORRUPT\\)`));
    expect(stdout).toContain('--recover');
    const json = await run(['registry', 'verify', '--data', data, '--json']);
    expect(json.exitCode).toBe(EXIT_CODES.storeDamaged.code);
    expect(JSON.parse(json.stdout)).toMatchObject({ ok: false, log: { opens: false } });

    await using recovered = await startRegistry(['registry', 'serve', '--data', data, '--recover']);
    expect(recovered.ready.recovery).toMatchObject({
      repairs: expect.arrayContaining([expect.objectContaining({ file: expect.stringContaining(segment) })]),
    });
  });

  it('shows on a terminal how far it is', async () => {
    const data = folder.path('data');
    await (await filled(data)).stop();
    const { stderr } = await run(['registry', 'verify', '--data', data], new TestIo({ isTerminal: true }));
    const eraseLine = '\r\u001b[2K';
    expect(stderr).toBe(`${eraseLine}checking ${data}${eraseLine}`);
  });

  it('leaves a store alone that is in use', async () => {
    await using _ = await startRegistry([
      'registry',
      'serve',
      '--make-admin-token',
      '--data',
      folder.path('data'),
    ]);
    const outcome = await run(['registry', 'verify', '--data', folder.path('data'), '--json']);
    expect(outcome.exitCode).toBe(EXIT_CODES.storeLocked.code);
    expect(errorOf(outcome)).toMatchObject({
      code: 'STORE_LOCKED',
      hint: expect.stringContaining('registry backup'),
    });
  });

  it.each(['verify', 'export', 'backup'])('%s says that there is no store', async (verb) => {
    await mkdir(folder.path('empty'));
    const to = verb === 'verify' ? [] : ['--to', folder.path('to')];
    for (const data of [folder.path('empty'), folder.path('missing')]) {
      const outcome = await run(['registry', verb, '--data', data, ...to, '--json']);
      expect(outcome.exitCode).toBe(EXIT_CODES.notFound.code);
      expect(errorOf(outcome).message).toBe(`${data} holds no store`);
    }
    expect(await readdir(folder.path())).toEqual(['empty']);
  });
});

describe('muster registry backup', () => {
  it('copies while the registry works, and the copy serves', async () => {
    const data = folder.path('data');
    const to = folder.path('copy');
    await using registry = await filled(data);
    const outcome = await run(['registry', 'backup', '--data', data, '--to', to]);
    expect(outcome.exitCode).toBe(EXIT_CODES.ok.code);
    expect(outcome.stdout).toMatch(/: a copy up to record \d+: .*3 nodes; checked\n$/);
    expect(outcome.stderr).toContain('Not copied, because they are secret');
    expect(await readdir(to)).not.toContain('admin-token');
    await using restored = await startRegistry(['registry', 'serve', '--data', to]);
    const io = new TestIo({ environment: { MUSTER_REGISTRY: restored.ready.address } });
    expect((await run(['nodes', 'get', '3'], io)).stdout).toContain('gamma');
    expect(registry.ready.address).not.toBe(restored.ready.address);
  });

  it('writes over nothing', async () => {
    const data = folder.path('data');
    await (await filled(data)).stop();
    const outcome = await run(['registry', 'backup', '--data', data, '--to', data, '--json']);
    expect(outcome.exitCode).toBe(EXIT_CODES.usage.code);
    expect(errorOf(outcome).code).toBe('COPY_TARGET');
    expect((await run(['registry', 'verify', '--data', data])).exitCode).toBe(EXIT_CODES.ok.code);
  });

  it('does not make a copy of damage', async () => {
    const data = folder.path('data');
    await (await filled(data)).stop();
    await damage(data, 150);
    const outcome = await run(['registry', 'backup', '--data', data, '--to', folder.path('copy'), '--json']);
    expect(outcome.exitCode).toBe(EXIT_CODES.storeDamaged.code);
    const copy = await run(['registry', 'serve', '--data', folder.path('copy'), '--json']);
    expect(errorOf(copy).code).toBe('STORE_INCOMPLETE');
  });
});

describe('muster registry export and import', () => {
  it('go to the original and back', async () => {
    const data = folder.path('data');
    const file = folder.path('registry.json');
    await (await filled(data)).stop();
    const exported = await run(['registry', 'export', '--data', data, '--to', file]);
    expect(exported.exitCode).toBe(EXIT_CODES.ok.code);
    expect(exported.stdout).toMatch(/nodes +3 live, 0 gone\n/);
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ nodes: expect.anything() });

    const back = folder.path('back');
    const imported = await run(['registry', 'import', '--from', file, '--data', back, '--json']);
    expect(imported.exitCode).toBe(EXIT_CODES.ok.code);
    expect(JSON.parse(imported.stdout)).toMatchObject({
      directory: back,
      nodes: 3,
      snapshot: { path: file },
    });
    await using registry = await startRegistry(['registry', 'serve', '--data', back]);
    const io = new TestIo({ environment: { MUSTER_REGISTRY: registry.ready.address } });
    expect((await run(['nodes', 'get', '2'], io)).stdout).toContain('beta');
  });

  it('write over nothing', async () => {
    const data = folder.path('data');
    await (await filled(data)).stop();
    await writeFile(folder.path('there.json'), 'x');
    const exported = await run([
      'registry',
      'export',
      '--data',
      data,
      '--to',
      folder.path('there.json'),
      '--json',
    ]);
    expect(exported.exitCode).toBe(EXIT_CODES.usage.code);
    expect(errorOf(exported).code).toBe('EXPORT_TARGET');
    const imported = await run([
      'registry',
      'import',
      '--from',
      folder.path('there.json'),
      '--data',
      data,
      '--json',
    ]);
    expect(imported.exitCode).toBe(EXIT_CODES.usage.code);
    expect(errorOf(imported).code).toBe('TARGET_EXISTS');
  });

  it('say what is wrong with the file of the original', async () => {
    const data = folder.path('data');
    expect(errorOf(await run(['registry', 'import', '--data', data, '--json'])).code).toBe('USAGE');
    const missing = await run([
      'registry',
      'import',
      '--from',
      folder.path('none.json'),
      '--data',
      data,
      '--json',
    ]);
    expect(missing.exitCode).not.toBe(EXIT_CODES.ok.code);
    expect(errorOf(missing).message).toContain('none.json');
    await writeFile(folder.path('torn.json'), '{"nodes":{"1":');
    const torn = await run([
      'registry',
      'import',
      '--from',
      folder.path('torn.json'),
      '--data',
      data,
      '--json',
    ]);
    expect(torn.exitCode).toBe(EXIT_CODES.storeDamaged.code);
    expect(errorOf(torn).code).toBe('ORIGINAL_SNAPSHOT_SYNTAX');
  });
});
