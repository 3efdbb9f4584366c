import { chmod, mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { Identity } from '@muster/core/identity';
import { EXIT_CODES } from '@muster/core';
import { describe, expect, it } from 'vitest';
import type { FleetFile, FleetMember } from '../../src/fleet/fleet-file.ts';
import type { CheckedFinding } from '../../src/doctor/finding.ts';
import { startRegistry } from '../support/running-registry.ts';
import { StatusEndpoint } from '../support/status-endpoint.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { errorOf, run } from '../support/test-io.ts';

const folder = temporaryFolder();

interface Examined {
  readonly exitCode: number;
  readonly problems: number;
  readonly findings: readonly CheckedFinding[];
  /** Findings that are not ok, as `check what: status`. */
  readonly wrong: readonly string[];
}

async function doctor(...args: readonly string[]): Promise<Examined> {
  const { exitCode, stdout, stderr } = await run(['doctor', ...args, '--json']);
  expect(stderr).toBe('');
  const { problems, findings } = JSON.parse(stdout) as Pick<Examined, 'problems' | 'findings'>;
  for (const { status, fix } of findings) expect(fix === undefined).toBe(status === 'ok');
  const wrong = findings.flatMap(({ check, what, status }) =>
    status === 'ok' || check === 'disk' ? [] : [`${check} ${what}: ${status}`],
  );
  return { exitCode, problems, findings, wrong };
}

async function taken(): Promise<{ readonly port: number } & AsyncDisposable> {
  const server: Server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () =>
      await new Promise<void>((resolve) => void server.close(() => resolve())),
  };
}

describe('muster doctor', () => {
  it('looks at what this machine would run when it is told nothing, and leaves nothing', async () => {
    const { stdout } = await run(['doctor']);
    expect(stdout).toContain('Looked at this machine');
    for (const check of ['versions', 'ports', 'clocks', 'keys', 'permissions', 'disk', 'leftovers'])
      expect(stdout).toContain(`\n${check}\n`);
  });

  it('examines a running registry, and measures its disk', async () => {
    const data = folder.path('data');
    await using registry = await startRegistry([
      'registry',
      'serve',
      '--data',
      data,
      '--http',
      '127.0.0.1:0',
    ]);
    const { address, http } = registry.ready;
    const before = await readdir(data);
    const examined = await doctor('--registry', address, '--registry-http', String(http), '--data', data);
    expect(examined.wrong).toEqual([]);
    expect(await readdir(data)).toEqual(before);
    const told = examined.findings.map(({ check, what }) => `${check} ${what}`);
    expect(told).toContain('versions running versions');
    expect(told).toContain('clocks clocks');
    expect(told).toContain(`reachability registry ${address}`);
    expect(told).toContain('reachability the registry');
    const [disk] = examined.findings.filter(({ check }) => check === 'disk');
    expect(disk?.found).toMatch(/a sync takes .*\/s one after the other/);
  });

  it('names what does not answer, and what answers in its place', async () => {
    await using other = await taken();
    const gone = await doctor('--registry', '127.0.0.1:1', '--ops', '127.0.0.1:1', '--timeout', '1s');
    expect(gone.exitCode).toBe(EXIT_CODES.refused.code);
    expect(gone.wrong).toEqual([
      'reachability registry 127.0.0.1:1: problem',
      'reachability 127.0.0.1:1: problem',
    ]);
    const stranger = await doctor('--registry', `127.0.0.1:${other.port}`, '--timeout', '1s');
    expect(stranger.problems).toBe(1);
    expect(stranger.findings.at(-1)?.fix ?? stranger.findings.find(({ fix }) => fix)?.fix).toContain('TLS');
  });

  it('finds versions and clocks that are apart', async () => {
    const old = { version: '0.0.1', peer_id: Identity.generate().peerId, roles: ['node'], ready: true };
    await using endpoint = await StatusEndpoint.start({
      '/status': (response) => {
        response.setHeader('date', new Date(Date.now() - 600_000).toUTCString());
        response.end(JSON.stringify(old));
      },
    });
    const { wrong, exitCode } = await doctor('--status', endpoint.address);
    expect(exitCode).toBe(EXIT_CODES.refused.code);
    expect(wrong).toEqual([
      'versions running versions: problem',
      `clocks clock of ${endpoint.address}: problem`,
    ]);
  });

  it('examines services by their configuration before they are started', async () => {
    await using other = await taken();
    const key = folder.path('node.pem');
    await writeFile(key, Identity.generate().toPem(), { mode: 0o600 });
    await chmod(key, 0o644);
    await writeFile(folder.path('token'), 'a-token-of-some-length\n', { mode: 0o600 });
    await writeFile(
      folder.path('registry.yaml'),
      `registry_addr: 127.0.0.1:${other.port}\ndata: ${folder.path('store')}\nadmin-token-file: ${folder.path('token')}\n`,
    );
    await writeFile(
      folder.path('node.json'),
      JSON.stringify({
        PRIVATE_KEY_PATH: key,
        PUBLIC_KEY_PATH: folder.path('node.pub'),
        PSK_PATH: folder.path('psk'),
        STORE_URL: `file:${folder.path('node')}`,
        NODE_ENDPOINT_PORT: 0,
      }),
    );
    await writeFile(folder.path('mirror.yaml'), 'mirror_lisen: 127.0.0.1:5000\n');
    const { wrong, findings } = await doctor(
      `--service=registry=${folder.path('registry.yaml')}`,
      `--service=node=${folder.path('node.json')}`,
      `--service=mirror=${folder.path('mirror.yaml')}`,
      '--timeout=1s',
    );
    expect(wrong).toEqual([
      'configuration mirror: problem',
      'ports port of the registry: problem',
      'keys pre-shared key of the node: problem',
      'permissions key of the node: problem',
      expect.stringMatching(/^reachability registry 127\.0\.0\.1:\d+: problem$/),
    ]);
    const port = findings.find(({ check, status }) => check === 'ports' && status === 'problem');
    expect(port?.fix).toContain(`registry-addr (${folder.path('registry.yaml')}:1`);
    expect(findings.find(({ what }) => what === 'mirror')?.found).toContain('mirror-lisen');
  });

  it('refuses services of other kinds, and fleets that never were', async () => {
    const kind = await run(['doctor', '--service', 'database=x', '--json']);
    expect(kind.exitCode).toBe(EXIT_CODES.usage.code);
    expect(errorOf(kind).hint).toContain('registry=<file>');
    const fleet = await run(['doctor', '--fleet', folder.path('none'), '--json']);
    expect(errorOf(fleet)).toMatchObject({ code: 'FLEET_NOT_RUNNING' });
    await writeFile(folder.path('fleet.json'), '{"version":1');
    const damaged = await run(['doctor', '--fleet', folder.path(), '--json']);
    expect(errorOf(damaged)).toMatchObject({ code: 'FLEET_FOLDER_DAMAGED' });
  });
});

describe('muster doctor, of a fleet', () => {
  /** A fleet file, and the files that it names; `pid` is that of the supervisor. */
  async function writeFleet(
    pid: number,
    members: readonly FleetMember[],
    registry: Partial<FleetFile['registry']> = {},
  ): Promise<void> {
    await chmod(folder.path(), 0o700);
    await mkdir(folder.path('keys'), { mode: 0o700 });
    await mkdir(folder.path('registry'), { mode: 0o700 });
    for (const name of ['control-token', 'admin-token'])
      await writeFile(folder.path(name), 'a-token-of-some-length\n', { mode: 0o600 });
    const { run: cli } = await import('../support/test-io.ts');
    await cli(['keys', 'psk', '--out', folder.path('psk')]);
    const fleet: FleetFile = {
      version: 1,
      musterVersion: '0.1.0',
      pid,
      startedAt: 1,
      folder: folder.path(),
      page: 'http://127.0.0.1:1/',
      control: { url: 'http://127.0.0.1:1', tokenFile: folder.path('control-token') },
      registry: {
        address: '127.0.0.1:1',
        http: '127.0.0.1:1',
        adminTokenFile: folder.path('admin-token'),
        network: 1,
        ...registry,
      },
      pskFile: folder.path('psk'),
      origin: { url: 'http://127.0.0.1:1', registry: 'o', repository: 'r', tag: 't', digest: 'd', bytes: 1 },
      members,
    };
    await writeFile(folder.path('fleet.json'), JSON.stringify(fleet), { mode: 0o600 });
  }

  it('finds what a fleet has left that ended without cleaning up, and does not wait for its members', async () => {
    await writeFleet(2 ** 22 + 1, [{ name: 'alpha', role: 'node', state: 'running', pid: 2 ** 22 + 2 }]);
    const { wrong, exitCode } = await doctor('--fleet', folder.path());
    expect(exitCode).toBe(0);
    expect(wrong).toEqual(['reachability alpha: warning', 'leftovers fleet file: warning']);
  });

  it('finds temporary files that nobody will come back for, and leaves young ones alone', async () => {
    await writeFleet(2 ** 22 + 1, []);
    const [old, young] = [folder.path('.muster-doctor-00.tmp'), folder.path('.muster-doctor-01.tmp')];
    for (const path of [old, young]) await writeFile(path, '');
    await utimes(old, 1, 1);
    const { findings } = await doctor('--fleet', folder.path());
    expect(findings.filter(({ what }) => what === 'leftover file').map(({ found }) => found)).toEqual([
      `${old}, of a measurement that was killed`,
    ]);
  });

  it('compares who is registered with who is met, by their keys', async () => {
    const [alpha, other, token] = [Identity.generate(), Identity.generate(), folder.path('admin-token')];
    await writeFile(token, 'a-token-of-some-length\n', { mode: 0o600 });
    const data = folder.path('registry');
    await using registry = await startRegistry([
      'registry',
      'serve',
      '--data',
      data,
      '--admin-token-file',
      token,
    ]);
    const key = folder.path('alpha.pem');
    await writeFile(key, alpha.toPem(), { mode: 0o600 });
    const registered = await run([
      'nodes',
      'register',
      '--registry',
      registry.ready.address,
      '--key',
      key,
      '--hostname',
      'alpha',
      '--tags',
      'node',
    ]);
    expect(registered.exitCode).toBe(0);
    const statusOf = (identity: Identity, name: string) => ({
      '/status': { version: '0.1.0', peer_id: identity.peerId, name, roles: ['node'], ready: true },
    });
    const flags = ['--registry', registry.ready.address, '--admin-token-file', token];
    await using agreed = await StatusEndpoint.start(statusOf(alpha, 'alpha'));
    expect((await doctor(...flags, '--status', agreed.address)).wrong).toEqual([]);
    await using imposter = await StatusEndpoint.start(statusOf(other, 'alpha'));
    const { wrong, exitCode } = await doctor(...flags, '--status', imposter.address);
    expect(exitCode).toBe(EXIT_CODES.refused.code);
    expect(wrong).toEqual([
      'agreement alpha: problem',
      'agreement peers that are not registered: warning',
      'agreement peers that nobody meets: warning',
    ]);
  });

  it('compares mirrors, too: who answers is met, also before it knows others', async () => {
    const [one, two, token] = [Identity.generate(), Identity.generate(), folder.path('admin-token')];
    await writeFile(token, 'a-token-of-some-length\n', { mode: 0o600 });
    await using registry = await startRegistry([
      'registry',
      'serve',
      '--in-memory',
      '--admin-token-file',
      token,
    ]);
    const { address } = registry.ready;
    for (const [name, identity] of [
      ['mirror-1', one],
      ['mirror-2', two],
    ] as const) {
      const key = folder.path(`${name}.pem`);
      await writeFile(key, identity.toPem(), { mode: 0o600 });
      const flags = ['--registry', address, '--key', key, '--hostname', name, '--tags', 'mirror'];
      expect((await run(['nodes', 'register', ...flags])).exitCode).toBe(0);
    }
    const state = (snapshot: readonly object[]): object => ({
      version: '0.1.0',
      node: 'mirror-1',
      peerId: one.peerId,
      members: { snapshot },
    });
    await using alone = await StatusEndpoint.start({ '/readyz': {}, '/debug/state': state([]) });
    const flags = ['--registry', address, '--admin-token-file', token, '--timeout', '2s'];
    const before = await doctor(...flags, '--ops', alone.address);
    expect(before.wrong).toEqual(['agreement mirrors that nobody meets: warning']);
    expect(before.findings.find(({ check }) => check === 'agreement')?.found).toMatch(/^mirror-2: /);
    const both = state([{ id: 'mirror-2', peerId: two.peerId }]);
    await using together = await StatusEndpoint.start({ '/readyz': {}, '/debug/state': both });
    expect((await doctor(...flags, '--ops', together.address)).wrong).toEqual([]);
  });
});
