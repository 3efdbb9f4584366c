import { execFile, execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Identity } from '@muster/core/identity';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KeyRing, Registry } from '../../src/index.ts';

/**
 * The Go program that sends what the original client library sends, against a running registry (interop/README.md).
 * Without Go it is left out, unless MUSTER_REQUIRE_PROGRAMS=1 says that the machine must have it.
 */

const run = promisify(execFile);
const MODULE = join(import.meta.dirname, '../../../../interop');
const BADGE_SEED = '51'.repeat(32);
const RECOVERY_SEED = '52'.repeat(32);

function hasGo(): boolean {
  try {
    execFileSync('go', ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return process.env['MUSTER_REQUIRE_PROGRAMS'] === '1';
  }
}

const ringOf = (kid: string, seed: string): KeyRing =>
  KeyRing.parse(`${kid}=${Identity.fromSeed(Buffer.from(seed, 'hex')).publicKeyBase64}`);

interface Report {
  readonly passed: number;
  readonly failed: number;
  readonly checks: readonly {
    readonly mode: string;
    readonly group: string;
    readonly name: string;
    readonly ok: boolean;
  }[];
}

describe.runIf(hasGo())('a client of another language', () => {
  const registries: Registry[] = [];
  let folder = '';
  let program = '';

  const start = async (kind: 'off' | 'self-signed'): Promise<Registry> => {
    const registry = await Registry.start({
      listen: { host: '127.0.0.1', port: 0 },
      directory: join(folder, kind),
      adminToken: 'interop-admin-token',
      tls: kind === 'off' ? { kind } : { kind, hostNames: [] },
      badgeKeys: ringOf('bdg-v1', BADGE_SEED),
      recoveryKeys: ringOf('rec-v1', RECOVERY_SEED),
    });
    registries.push(registry);
    return registry;
  };

  const drive = async (args: readonly string[]): Promise<{ code: number; report: Report }> => {
    const options = { maxBuffer: 64 * 1024 * 1024, timeout: 150_000 };
    const { stdout, code } = await run(program, [...args, '-json'], options).then(
      (done) => ({ ...done, code: 0 }),
      (error: { stdout: string; code: number }) => error,
    );
    return { code, report: JSON.parse(stdout) as Report };
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'muster-interop-'));
    program = join(folder, 'interop');
    await run('go', ['build', '-o', program, './registry'], { cwd: MODULE, timeout: 120_000 });
    await writeFile(join(folder, 'token'), 'interop-admin-token\n');
  }, 130_000);
  afterAll(async () => {
    for (const registry of registries) await registry.stop();
    await rm(folder, { recursive: true, force: true });
  });

  test('knows what the original sends: its own tests pass', async () => {
    await run('go', ['vet', './...'], { cwd: MODULE, timeout: 120_000 });
    const { stdout } = await run('go', ['test', './...'], { cwd: MODULE, timeout: 120_000 });
    expect(stdout).toMatch(/^ok\s/m);
    expect(stdout).not.toMatch(/FAIL/);
  });

  test('gets the answers of the protocol, plain and over TLS, in both framings', async () => {
    const [plain, secure] = [await start('off'), await start('self-signed')];
    const args = {
      '-addr': `127.0.0.1:${plain.port}`,
      '-tls-addr': `127.0.0.1:${secure.port}`,
      '-pin': secure.tlsFingerprint as string,
      '-admin-token-file': join(folder, 'token'),
      '-badge-seed': BADGE_SEED,
      '-recovery-seed': RECOVERY_SEED,
    };
    const { code, report } = await drive(Object.entries(args).flat());
    expect(report.checks.filter(({ ok }) => !ok)).toEqual([]);
    expect([code, report.failed]).toEqual([0, 0]);
    expect(new Set(report.checks.map(({ mode }) => mode))).toEqual(
      new Set(['tcp/json', 'tcp/binary', 'tls/json', 'tls/binary']),
    );
    expect(report.passed).toBeGreaterThan(1000);
  });
});
