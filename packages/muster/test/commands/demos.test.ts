import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { EXIT_CODES } from '@muster/core';
import { afterEach, expect, test } from 'vitest';
import { takeDemoLock } from '../../src/demos/adapters/demo-lock.ts';
import type { DemoReport } from '../../src/demos/story.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { errorOf, run } from '../support/test-io.ts';

const folder = temporaryFolder();
const servers = new Set<Server>();
const DEMOS = ['kill-registry', 'liar', 'pull', 'partition'];

afterEach(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  servers.clear();
});

/** A supervisor of a fleet that nobody is in. Resolves with its address. */
async function emptyFleet(): Promise<string> {
  const server = createServer((request, response) => {
    const isAllowed = request.headers.authorization === 'Bearer secret';
    response.writeHead(isAllowed ? 200 : 401).end(JSON.stringify(isAllowed ? fleet('', '') : {}));
  });
  servers.add(server);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function fleet(control: string, tokenFile: string): object {
  return {
    version: 1,
    musterVersion: '0.1.0',
    pid: process.pid,
    startedAt: 1,
    folder: folder.path(),
    page: '',
    control: { url: control, tokenFile },
    registry: { address: '127.0.0.1:1', http: '127.0.0.1:1', adminTokenFile: '', network: 1 },
    pskFile: '',
    origin: { url: 'http://127.0.0.1:1', registry: 'x', repository: 'x', tag: 'x', digest: 'x', bytes: 1 },
    members: [],
  };
}

async function write(control: string, token = 'secret'): Promise<void> {
  const tokenFile = folder.path('control-token');
  await writeFile(tokenFile, `${token}\n`);
  await writeFile(folder.path('fleet.json'), JSON.stringify(fleet(control, tokenFile)));
}

test.each(DEMOS)('demo %s without a fleet says how to start one', async (name) => {
  const outcome = await run(['demo', name, '--fleet', folder.path('nothing'), '--json']);
  expect(outcome).toMatchObject({ exitCode: EXIT_CODES.notFound.code, stdout: '' });
  expect(errorOf(outcome)).toMatchObject({
    code: 'FLEET_NOT_RUNNING',
    hint: expect.stringContaining('npm start') as string,
  });
});

test.each(DEMOS)(
  'demo %s with a fleet that has nobody for it fails, and says what it needs',
  async (name) => {
    await write(await emptyFleet());
    const json = await run(['demo', name, '--fleet', folder.path(), '--json']);
    expect(json.exitCode).toBe(EXIT_CODES.checkFailed.code);
    const report = JSON.parse(json.stdout) as DemoReport;
    expect(report).toMatchObject({ demo: name, passed: false, leftBehind: [] });
    expect(report.checks).toMatchObject([
      { passed: false, found: expect.stringContaining('needs at least') as string },
    ]);
    const text = await run(['demo', name, '--fleet', folder.path()]);
    expect(text.exitCode).toBe(EXIT_CODES.checkFailed.code);
    expect(text.stdout).toMatch(new RegExp(`FAIL {3}The demo comes to its end[^]*FAIL: ${name}, 0 of 1`));
  },
);

test('what keeps a demo from beginning has a code of its own', async () => {
  const demo = ['demo', 'liar', '--fleet', folder.path(), '--json'];
  await writeFile(folder.path('fleet.json'), '{"version": 7}');
  expect(errorOf(await run(demo)).code).toBe('FLEET_FOLDER_DAMAGED');
  await write('http://127.0.0.1:1');
  const gone = await run(demo);
  expect(errorOf(gone).code).toBe('CONTROL_UNREACHABLE');
  expect(gone.exitCode).toBe(EXIT_CODES.unreachable.code);
  await write(await emptyFleet(), 'another');
  expect(errorOf(await run(demo)).code).toBe('CONTROL_UNAUTHORIZED');
  await write(await emptyFleet());
  const lock = await takeDemoLock(folder.path('demo.lock'));
  const second = await run(demo);
  lock.release();
  expect(errorOf(second).code).toBe('DEMO_RUNNING');
  expect(second.exitCode).toBe(EXIT_CODES.refused.code);
});

test('numbers that make no sense are refused before anything is done', async () => {
  for (const flags of [
    ['pull', '--peers', '1'],
    ['pull', '--peers', '1000'],
    ['liar', '--within', '1ms'],
  ]) {
    const outcome = await run(['demo', ...flags, '--json']);
    expect(outcome.exitCode).toBe(EXIT_CODES.usage.code);
    expect(errorOf(outcome).code).toBe('CONFIG_INVALID');
  }
});
