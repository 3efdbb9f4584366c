import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { decodeJoinLine } from '../../src/fleet/join-line.ts';
import type { FleetFile } from '../../src/fleet/fleet-file.ts';
import { isProcess, readFleetFile } from '../../src/fleet/fleet-files.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { until } from '../support/until.ts';
import { type FleetLab, fleetLab } from './fleet-lab.ts';

const folder = temporaryFolder();
const SMALL = { indexer: 1, node: 1, mirror: 1 };

async function small(): Promise<FleetLab> {
  const lab = await fleetLab(folder.path(), SMALL);
  await lab.fleet.start();
  return lab;
}

function pidOf({ fleet }: FleetLab, name: string): number {
  return fleet.fleet().members.find((member) => member.name === name)?.pid ?? 0;
}

async function logOf(name: string): Promise<string> {
  return await readFile(folder.path('logs', `${name}.log`), 'utf8');
}

/** Reads the fleet file once it says so. */
async function fileOnce(what: string, is: (file: FleetFile) => boolean): Promise<FleetFile> {
  return await until(what, async () => {
    const file = await readFleetFile(folder.path());
    return is(file) && file;
  });
}

describe('a fleet', () => {
  it('says what to do about a key that is damaged', async () => {
    await using lab = await fleetLab(folder.path(), SMALL);
    await mkdir(folder.path('keys'));
    await writeFile(folder.path('keys', 'alpha.pem'), 'no key');
    await expect(lab.fleet.start()).rejects.toMatchObject({
      code: 'KEY_FILE_INVALID',
      message: expect.stringContaining(folder.path('keys', 'alpha.pem')) as unknown,
      hint: expect.stringContaining('alpha gets a new key') as unknown,
    });
  });

  it('starts the registry and the origin, then indexers, then the others, and writes down where they are', async () => {
    await using lab = await fleetLab(folder.path(), { indexer: 2, node: 2, mirror: 1 });
    await lab.fleet.start();
    const file = await readFleetFile(folder.path());
    expect(file.members.map(({ name, role, state }) => `${name} ${role} ${state}`)).toEqual([
      'registry registry running',
      'origin origin running',
      'indexer-1 indexer running',
      'indexer-2 indexer running',
      'alpha node running',
      'bravo node running',
      'mirror-1 mirror running',
    ]);
    expect(file).toMatchObject({
      pid: process.pid,
      page: 'http://127.0.0.1:8080/',
      registry: { network: 5 },
      origin: { registry: 'fleet.localhost', repository: 'demo/app', tag: 'v1', bytes: 7 },
    });
    expect(file.members[6]).toMatchObject({
      peerId: 'peer-of-mirror-1',
      address: expect.stringMatching(/^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/peer-of-mirror-1$/) as string,
      mirror: expect.stringMatching(/^127\.0\.0\.1:\d+$/) as string,
    });
    const running = lab.events.flatMap(({ name, state }) => (state === 'running' ? [name] : []));
    expect(new Set(running.slice(0, 2))).toEqual(new Set(['registry', 'origin']));
    expect(new Set(running.slice(2, 4))).toEqual(new Set(['indexer-1', 'indexer-2']));
    expect(lab.progress.at(-1)).toBe('7/7');
    expect((await stat(folder.path('fleet.json'))).mode & 0o777).toBe(0o600);
  });

  it('ends all its processes, the registry after those that need it', async () => {
    const lab = await small();
    const pids = lab.fleet.fleet().members.map(({ pid }) => pid ?? 0);
    expect(pids.every(isProcess)).toBe(true);
    await lab.fleet.stop();
    expect(pids.some(isProcess)).toBe(false);
    const stopped = lab.events.flatMap(({ name, state }) => (state === 'stopped' ? [name] : []));
    expect(new Set(stopped.slice(0, 3))).toEqual(new Set(['indexer-1', 'alpha', 'mirror-1']));
    expect(await logOf('alpha')).toContain('asked to stop');
  });

  it('that cannot start a member says why, and stops the others', async () => {
    const lab = await fleetLab(folder.path(), SMALL);
    await lab.misbehave({ alpha: 'broken' });
    await expect(lab.fleet.start()).rejects.toMatchObject({
      code: 'FLEET_MEMBER_FAILED',
      message: 'alpha did not start: a made-up reason',
      hint: 'a made-up hint',
      cause: expect.objectContaining({ code: 'LOG_CORRUPT' }) as Error,
    });
    const pids = lab.fleet.fleet().members.map(({ pid }) => pid ?? 0);
    await lab.fleet.stop();
    expect(pids.some(isProcess)).toBe(false);
  });

  it('tries other ports when somebody was quicker with one', async () => {
    await using lab = await fleetLab(folder.path(), SMALL);
    await lab.misbehave({ alpha: 'unlucky' });
    await lab.fleet.start();
    expect(lab.events.filter(({ name }) => name === 'alpha').map(({ state }) => state)).toEqual([
      'starting',
      'failed',
      'starting',
      'running',
    ]);
  });

  it('that is stopped while it starts ends what has started', async () => {
    const lab = await fleetLab(folder.path(), SMALL);
    await lab.misbehave({ 'indexer-1': 'silent' });
    const starting = lab.fleet.start().catch((error: unknown) => error);
    await until('an indexer that starts', () => pidOf(lab, 'indexer-1') > 0);
    await lab.fleet.stop();
    expect(await starting).toMatchObject({ code: 'FLEET_MEMBER_FAILED' });
    expect(lab.fleet.fleet().members.every(({ pid }) => pid === undefined)).toBe(true);
  });
});

describe('a member', () => {
  it('that is killed stays dead until it is restarted, on its old ports', async () => {
    await using lab = await small();
    const before = lab.fleet.fleet().members.find(({ name }) => name === 'alpha');
    expect(await lab.fleet.kill('alpha')).toMatchObject({ state: 'killed' });
    const file = await fileOnce('alpha is dead', ({ members }) => members[3]?.state === 'killed');
    expect(file.members[3]).not.toHaveProperty('pid');
    const after = await lab.fleet.restart('alpha');
    expect(after).toMatchObject({ state: 'running', address: before?.address, status: before?.status });
    expect(after.pid).not.toBe(before?.pid);
  });

  it('that dies by itself is told of', async () => {
    await using lab = await small();
    process.kill(pidOf(lab, 'alpha'), 'SIGKILL');
    await until('alpha is dead', () => lab.events.at(-1)?.state === 'killed');
    process.kill(pidOf(lab, 'mirror-1'), 'SIGINT');
    await until('the mirror has failed', () => lab.events.at(-1)?.state === 'failed');
    expect(await logOf('mirror-1')).toContain('-- mirror-1 has ended');
  });

  it('can be paused and resumed, and stopped while it is paused', async () => {
    await using lab = await small();
    const stateOf = async (): Promise<string> =>
      /^State:\s+(\w)/m.exec(await readFile(`/proc/${pidOf(lab, 'alpha')}/status`, 'utf8'))?.[1] ?? '';
    expect(await lab.fleet.pause('alpha')).toMatchObject({ state: 'paused' });
    await until('it stands still', async () => (await stateOf()) === 'T');
    await expect(lab.fleet.pause('alpha')).rejects.toMatchObject({ code: 'FLEET_MEMBER_STATE' });
    expect(await lab.fleet.resume('alpha')).toMatchObject({ state: 'running' });
    await expect(lab.fleet.resume('alpha')).rejects.toMatchObject({ code: 'FLEET_MEMBER_STATE' });
    await lab.fleet.pause('alpha');
    expect(await lab.fleet.remove('alpha')).toMatchObject({ state: 'stopped' });
  });

  it('can be added with the next free name, and removed', async () => {
    await using lab = await small();
    const added = await Promise.all([
      lab.fleet.add({ role: 'node' }),
      lab.fleet.add({ role: 'node' }),
      lab.fleet.add({ role: 'indexer', misbehave: 'lie' }),
      lab.fleet.add({ role: 'mirror', name: 'far-away' }),
    ]);
    expect(new Set(added.map(({ name }) => name))).toEqual(
      new Set(['bravo', 'charlie', 'indexer-2', 'far-away']),
    );
    expect(added[2]).toMatchObject({ misbehaves: 'lie' });
    await expect(lab.fleet.add({ role: 'node', name: 'alpha' })).rejects.toMatchObject({
      code: 'FLEET_MEMBER_STATE',
    });
    await lab.fleet.remove('far-away');
    await expect(lab.fleet.kill('far-away')).rejects.toMatchObject({ code: 'FLEET_MEMBER_UNKNOWN' });
    await expect(lab.fleet.remove('registry')).rejects.toMatchObject({ code: 'FLEET_MEMBER_STATE' });
  });

  it('that cannot be added leaves nothing', async () => {
    await using lab = await small();
    await lab.misbehave({ bravo: 'broken' });
    await expect(lab.fleet.add({ role: 'node' })).rejects.toMatchObject({ code: 'FLEET_MEMBER_FAILED' });
    expect(lab.fleet.fleet().members.map(({ name }) => name)).not.toContain('bravo');
    await lab.misbehave({});
    expect(await lab.fleet.add({ role: 'node' })).toMatchObject({ name: 'bravo', state: 'running' });
  });
});

describe('a cut', () => {
  it('is told to members of its groups, and to those that start later', async () => {
    await using lab = await small();
    expect(() => lab.fleet.cut([['alpha'], ['nobody']])).toThrow(
      expect.objectContaining({ code: 'FLEET_MEMBER_UNKNOWN' }) as Error,
    );
    lab.fleet.cut([['alpha'], ['mirror-1', 'registry']]);
    await until('alpha is told', async () => (await logOf('alpha')).includes('"peers":["peer-of-mirror-1"]'));
    const { address } = lab.fleet.fleet().registry;
    expect(await logOf('alpha')).toContain(address);
    await until('others are told of nobody', async () => (await logOf('indexer-1')).includes('"peers":[]'));
    await lab.fleet.restart('mirror-1');
    await until('it is told again', async () => (await logOf('mirror-1')).split('peer-of-alpha').length > 2);
    lab.fleet.heal();
    await until('alpha is healed', async () => (await logOf('alpha')).includes('"peers":[],"addresses":[]'));
  });
});

describe('joining', () => {
  it('gives a peer with a ticket what it needs, once', async () => {
    await using lab = await small();
    const { line, expiresAt } = lab.fleet.issueTicket();
    expect(expiresAt).toBeGreaterThan(Date.now());
    const { ticket, controlPort, registryPort } = decodeJoinLine(line);
    expect({ controlPort, address: `127.0.0.1:${registryPort}` }).toEqual({
      controlPort: 1234,
      address: lab.fleet.fleet().registry.address,
    });
    const request = { ticket, publicKey: new Uint8Array(32), nodeId: 1, name: 'echo' };
    expect(await lab.fleet.join(request)).toEqual({
      psk: 'the psk',
      networkToken: 'the network token',
      registry: lab.fleet.fleet().registry.address,
      network: 5,
      seeds: [lab.fleet.fleet().members[2]?.address],
      timeScale: 0.25,
      page: 'http://127.0.0.1:8080/',
    });
    await expect(lab.fleet.join(request)).rejects.toMatchObject({
      code: 'TICKET_REFUSED',
      message: expect.stringContaining('used already') as string,
    });
    await expect(lab.fleet.join({ ...request, ticket: new Uint8Array(16) })).rejects.toMatchObject({
      code: 'TICKET_REFUSED',
      message: expect.stringContaining('another fleet') as string,
    });
  });
});
