/** One fleet of `muster dev` for all tests of this file, as a person would start it, and the demos with it. */
import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EXIT_CODES } from '@muster/core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DemoReport } from '../../src/demos/story.ts';
import type { FleetFile } from '../../src/fleet/fleet-file.ts';
import { muster, plainEnvironment, type Started } from './processes.ts';

const PROGRAM = new URL('../../bin/muster.mjs', import.meta.url).pathname;
/** Nothing here takes a quarter as long on a quiet machine. */
const PATIENCE_MS = 240_000;
/** A tick of the overlay is two seconds. */
const TIME_SCALE = '0.1';
const FREE_PORTS = ['--page-port', '0', '--registry-port', '0', '--time-scale', TIME_SCALE];

interface DevReady {
  readonly event: 'ready';
  readonly startedInMs: number;
  readonly page: string;
  readonly join: string;
  readonly members: FleetFile['members'];
}

interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

let home = '';
let folder = '';
let dev: Started;
let ready: DevReady;

/** Runs the program to its end. */
async function run(...args: readonly string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const options = { timeout: PATIENCE_MS - 10_000, env: plainEnvironment(home), cwd: home };
    execFile(process.execPath, [PROGRAM, ...args], options, (error, stdout, stderr) => {
      const exitCode = typeof error?.code === 'number' ? error.code : error === null ? 0 : -1;
      resolve({ exitCode, stdout, stderr });
    });
  });
}

async function fleetFile(of = folder): Promise<FleetFile> {
  return JSON.parse(await readFile(join(of, 'fleet.json'), 'utf8')) as FleetFile;
}

/** Whether a process is there; one that has ended and was not waited for is not. */
async function lives(pid: number): Promise<boolean> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2, text.lastIndexOf(')') + 3) !== 'Z';
  } catch {
    return false;
  }
}

async function living(pids: readonly number[]): Promise<readonly number[]> {
  const each = await Promise.all(pids.map(async (pid) => ((await lives(pid)) ? [pid] : [])));
  return each.flat();
}

function pidsOf({ members }: Pick<FleetFile, 'members'>): readonly number[] {
  return members.flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
}

async function startFleet(place: string, ...flags: readonly string[]): Promise<[Started, DevReady]> {
  const started = muster(['dev', '--data', place, ...FREE_PORTS, ...flags, '--json'], home);
  await started.printed('"ready"');
  return [started, JSON.parse(started.stdout.trim().split('\n').at(-1) ?? '') as DevReady];
}

async function demo(...words: readonly string[]): Promise<DemoReport> {
  const { stdout, stderr, exitCode } = await run('demo', ...words, '--fleet', folder, '--json');
  expect(stderr).toBe('');
  const report = JSON.parse(stdout) as DemoReport;
  // What failed says more than the exit code.
  expect(report.checks.filter(({ passed }) => !passed)).toEqual([]);
  expect(report.leftBehind).toEqual([]);
  expect(exitCode).toBe(EXIT_CODES.ok.code);
  console.log(`${report.demo}: ${report.ms} ms, ${JSON.stringify(report.figures)}`);
  return report;
}

/** Members of the page, by name. */
async function onPage(): Promise<readonly string[]> {
  const response = await fetch(new URL('/api/fleet', ready.page));
  const { peers } = (await response.json()) as {
    readonly peers: readonly { readonly name?: string }[];
  };
  return peers.flatMap(({ name }) => (name === undefined ? [] : [name]));
}

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'muster-fleet-'));
  folder = join(home, 'fleet');
  [dev, ready] = await startFleet(folder);
}, PATIENCE_MS);

afterAll(async () => {
  await dev?.[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true, maxRetries: 5 });
}, PATIENCE_MS);

test('a fleet says that it runs, and who is in it', async () => {
  console.log(`ready after ${ready.startedInMs} ms`);
  const file = await fleetFile();
  const roles = file.members.map(({ role }) => role);
  const count = (role: string): number => roles.filter((each) => each === role).length;
  expect(['registry', 'origin', 'indexer', 'node', 'mirror'].map(count)).toEqual([1, 1, 2, 4, 4]);
  expect(file.members.every(({ state }) => state === 'running')).toBe(true);
  expect(new Set(pidsOf(file)).size).toBe(file.members.length);
  expect(await living(pidsOf(file))).toHaveLength(file.members.length);
  expect((await stat(join(folder, 'fleet.json'))).mode & 0o777).toBe(0o600);
  expect(ready.members.map(({ name }) => name)).toEqual(file.members.map(({ name }) => name));
});

test('the page shows all of them', async () => {
  expect((await fetch(ready.page)).status).toBe(200);
  const names = ready.members.filter(({ role }) => role !== 'registry' && role !== 'origin');
  await expect
    .poll(onPage, { timeout: 30_000 })
    .toEqual(expect.arrayContaining(names.map(({ name }) => name)));
});

test('a peer joins with the line, once, and appears on the page', { timeout: PATIENCE_MS }, async () => {
  const data = ['--peer-data', join(home, 'guest')];
  await using guest = muster(['join', ready.join, '--name', 'guest', ...data, '--json'], home);
  await guest.printed('"ready"');
  await expect.poll(onPage, { timeout: 30_000 }).toContain('guest');
  const again = await run('join', ready.join, '--name', 'second', '--peer-data', join(home, 'second'));
  expect(again.stderr).toMatch(/used already/);
  expect(again.exitCode).toBe(EXIT_CODES.refused.code);
  await expect(access(join(home, 'second'))).rejects.toThrow();
  guest.signal('SIGTERM');
  expect(await guest.ended()).toBe(EXIT_CODES.ok.code);
});

test('a second fleet in the same folder is refused, and the first goes on', async () => {
  const second = await run('dev', '--data', folder, ...FREE_PORTS);
  expect(second.exitCode).toBe(EXIT_CODES.storeLocked.code);
  expect(second.stderr).toContain('runs in');
  expect(await living(pidsOf(await fleetFile()))).toHaveLength(ready.members.length);
});

test('demo pull: twenty peers, one read of each digest', { timeout: PATIENCE_MS }, async () => {
  const { figures } = await demo('pull', '--peers', '20');
  expect(figures).toMatchObject({ peers: 20, originReads: figures['imageDigests'], originReadsAgain: 0 });
});

test('demo kill-registry: the overlay answers for it', { timeout: PATIENCE_MS }, async () => {
  const { figures } = await demo('kill-registry');
  expect(figures['registeredAfter']).toBe(figures['registeredBefore']);
});

test('demo liar: it is put out', { timeout: PATIENCE_MS }, async () => {
  const { figures } = await demo('liar');
  expect(figures['honestPools']).toBe(6);
});

test('demo partition: two halves, and one fleet again', { timeout: PATIENCE_MS }, async () => {
  await demo('partition');
});

test('a demo that is interrupted leaves the fleet as it was', { timeout: PATIENCE_MS }, async () => {
  await using interrupted = muster(['demo', 'liar', '--fleet', folder], home);
  await interrupted.printed('process of its own');
  interrupted.signal('SIGINT');
  expect(await interrupted.ended()).toBe(EXIT_CODES.checkFailed.code);
  expect(interrupted.stdout).toMatch(/FAIL: liar/);
  // The file is written a moment after the answer.
  const states = async (): Promise<readonly string[]> =>
    (await fleetFile()).members.map(({ name, state }) => `${name} ${state}`);
  await expect.poll(states).toEqual(ready.members.map(({ name }) => `${name} running`));
});

test('a clean stop leaves no process and no fleet.json', { timeout: PATIENCE_MS }, async () => {
  const pids = pidsOf(await fleetFile());
  dev.signal('SIGTERM');
  expect(await dev.ended()).toBe(EXIT_CODES.ok.code);
  expect(await living(pids)).toEqual([]);
  await expect(access(join(folder, 'fleet.json'))).rejects.toThrow();
  const without = await run('demo', 'liar', '--fleet', folder);
  expect(without.exitCode).toBe(EXIT_CODES.notFound.code);
  expect(without.stderr).toMatch(/no fleet runs[\s\S]*npm start/);
});

test(
  'a supervisor that is killed leaves no orphan, and the next start works',
  { timeout: PATIENCE_MS },
  async () => {
    const few = ['--indexers', '1', '--nodes', '1', '--mirrors', '1'];
    await using first = (await startFleet(folder, ...few))[0];
    const pids = pidsOf(await fleetFile());
    expect(pids).toHaveLength(5);
    first.signal('SIGKILL');
    await expect.poll(() => living(pids), { timeout: 60_000 }).toEqual([]);
    await using second = (await startFleet(folder, ...few))[0];
    second.signal('SIGTERM');
    expect(await second.ended()).toBe(EXIT_CODES.ok.code);
  },
);

test('a port in use, and a folder of something else, are told before anything is touched', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const place = join(home, 'unused');
  const inUse = await run('dev', '--data', place, '--page-port', '0', '--registry-port', String(port));
  server.close();
  expect(inUse.exitCode).toBe(EXIT_CODES.addressInUse.code);
  expect(inUse.stderr).toContain(String(port));

  const foreign = join(home, 'foreign');
  await mkdir(foreign);
  await writeFile(join(foreign, 'thesis.txt'), 'precious');
  const refused = await run('dev', '--data', foreign, ...FREE_PORTS);
  expect(refused.exitCode).toBe(EXIT_CODES.usage.code);
  expect(refused.stderr).toContain('thesis.txt');
  expect(await readFile(join(foreign, 'thesis.txt'), 'utf8')).toBe('precious');
});
