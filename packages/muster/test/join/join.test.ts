import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { EXIT_CODES, systemRandom } from '@muster/core';
import { Psk } from '@muster/discovery/keys';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ControlServer } from '../../src/dev/control-server.ts';
import { encodeJoinLine } from '../../src/fleet/join-line.ts';
import { runCli } from '../../src/index.ts';
import { type FakeControl, fakeControl } from '../dev/fake-control.ts';
import { FleetRegistry, NETWORK_TOKEN } from '../support/fleet-registry.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { errorOf, type Outcome, run, TestIo } from '../support/test-io.ts';
import { until } from '../support/until.ts';

const folder = temporaryFolder();
let registry: FleetRegistry;
let control: FakeControl;
let server: ControlServer;

async function serve(fake: FakeControl): Promise<void> {
  control = fake;
  server = await ControlServer.start({ control, token: 'token', port: 0 });
}

function line(parts: { controlPort?: number; registryPort?: number } = {}): string {
  return encodeJoinLine({
    ticket: new Uint8Array(16).fill(1),
    host: '127.0.0.1',
    controlPort: parts.controlPort ?? server.port,
    registryPort: parts.registryPort ?? Number(registry.address.split(':')[1]),
  });
}

const args = (): readonly string[] => [
  '--peer-data',
  folder.path('peers', 'echo'),
  '--name',
  'echo',
  '--json',
];

async function join(text: string, ...more: readonly string[]): Promise<Outcome> {
  return await run(['join', text, ...args(), ...more]);
}

/** Names of the nodes that the registry has. */
async function names(): Promise<readonly string[]> {
  const { nodes } = await registry.owner.listNodes(0);
  return nodes.flatMap((node) => ('hostname' in node && node.hostname !== undefined ? [node.hostname] : []));
}

beforeEach(async () => {
  registry = await FleetRegistry.start(folder.path('registry'));
});
afterEach(async () => {
  await server?.stop();
  await registry[Symbol.asyncDispose]();
});

describe('muster join', () => {
  it('makes a key, registers it, keeps the secrets for itself, and runs a node of the fleet', async () => {
    const psk = Psk.generate(systemRandom).toText();
    const { address, network } = registry;
    const answer = {
      psk,
      registry: address,
      network,
      networkToken: NETWORK_TOKEN,
      seeds: [],
      timeScale: 0.5,
      page: '',
    };
    await serve(fakeControl(answer));
    const io = new TestIo();
    const ended = runCli(['join', line(), ...args()], io);
    const ready = JSON.parse(await io.printed('"ready"')) as {
      name: string;
      registry: string;
      network: number;
    };
    expect(ready).toMatchObject({ name: 'echo', registry: address, network });
    const own = folder.path('peers', 'echo');
    for (const name of ['psk', 'network-token', 'key.pem']) {
      expect((await stat(`${own}/${name}`)).mode & 0o777).toBe(0o600);
    }
    expect(await readFile(`${own}/psk`, 'utf8')).toBe(psk);
    expect([io.logLines.join(), io.written.stderr, io.written.stdout].join()).not.toContain(NETWORK_TOKEN);
    await until('it is in the network', async () => {
      const { nodes } = await registry.owner.listNodes(network);
      return nodes.some((node) => 'hostname' in node && node.hostname === 'echo');
    });
    io.stop();
    expect(await ended).toBe(EXIT_CODES.ok.code);
    expect(await names()).not.toContain('echo');
  });

  it('that is refused leaves nothing: no key, no folder, no registration', async () => {
    await serve(fakeControl());
    const outcome = await join(line());
    expect(outcome).toMatchObject({ exitCode: EXIT_CODES.refused.code, stdout: '' });
    expect(errorOf(outcome)).toMatchObject({ code: 'TICKET_REFUSED' });
    expect(errorOf(outcome).hint).toContain('--new-line');
    expect(control.asked).toEqual([['join', 'echo']]);
    expect(existsSync(folder.path('peers'))).toBe(false);
    expect(await names()).toEqual(['owner']);
  });

  it('does not use the line up when the name is taken', async () => {
    await serve(fakeControl());
    const outcome = await run(['join', line(), '--peer-data', folder.path('p'), '--name', 'owner', '--json']);
    expect(outcome.exitCode).toBe(EXIT_CODES.usage.code);
    expect(errorOf(outcome)).toMatchObject({ hint: expect.stringContaining('still good') as string });
    expect(control.asked).toEqual([]);
    expect(existsSync(folder.path('p'))).toBe(false);
  });

  it('says whom it cannot reach, and leaves nothing', async () => {
    await serve(fakeControl());
    const noControl = await join(line({ controlPort: 1 }));
    expect(noControl.exitCode).toBe(EXIT_CODES.unreachable.code);
    expect(errorOf(noControl)).toMatchObject({ code: 'CONTROL_UNREACHABLE' });
    const noRegistry = await join(line({ registryPort: 1 }));
    expect(noRegistry.exitCode).toBe(EXIT_CODES.unreachable.code);
    expect(errorOf(noRegistry)).toMatchObject({
      code: 'CONTROL_UNREACHABLE',
      hint: expect.stringContaining('still run') as string,
    });
    expect(existsSync(folder.path('peers'))).toBe(false);
    expect(await names()).toEqual(['owner']);
    expect(control.asked).toEqual([]);
  });

  it('is not fooled by another program at the control address', async () => {
    await serve(fakeControl({ psk: 'x' } as never));
    const outcome = await join(line());
    expect(outcome.exitCode).toBe(EXIT_CODES.refused.code);
    expect(errorOf(outcome)).toMatchObject({ code: 'CONTROL_REFUSED' });
    expect(existsSync(folder.path('peers'))).toBe(false);
  });

  it('touches no folder that is something else, and removes no key that was there', async () => {
    await serve(fakeControl());
    await mkdir(folder.path('peers', 'echo'), { recursive: true });
    await writeFile(folder.path('peers', 'echo', 'letter.txt'), 'dear reader');
    const foreign = await join(line());
    expect(foreign.exitCode).toBe(EXIT_CODES.usage.code);
    expect(errorOf(foreign)).toMatchObject({ code: 'JOIN_FOLDER' });
    expect(await readdir(folder.path('peers', 'echo'))).toEqual(['letter.txt']);
    const key = folder.path('own.pem');
    expect((await run(['keys', 'generate', '--key', key])).exitCode).toBe(0);
    const before = await readFile(key, 'utf8');
    await run(['join', line(), '--peer-data', folder.path('q'), '--name', 'echo', '--key', key, '--json']);
    expect(await readFile(key, 'utf8')).toBe(before);
    expect(existsSync(folder.path('q'))).toBe(false);
  });

  it.each([
    [[], 'USAGE'],
    [['mst1.cut'], 'JOIN_LINE_INVALID'],
    [['hello'], 'JOIN_LINE_INVALID'],
  ])('%j is no line', async (words, code) => {
    await serve(fakeControl());
    const outcome = await run(['join', ...words, ...args()]);
    expect(outcome.exitCode).toBe(EXIT_CODES.usage.code);
    expect(errorOf(outcome)).toMatchObject({ code });
    expect(existsSync(folder.path('peers'))).toBe(false);
  });

  it('prints no new line where no fleet runs', async () => {
    await serve(fakeControl());
    const outcome = await run(['join', '--new-line', '--fleet', folder.path('nowhere'), '--json']);
    expect(outcome.exitCode).toBe(EXIT_CODES.notFound.code);
    expect(errorOf(outcome)).toMatchObject({ code: 'FLEET_NOT_RUNNING' });
  });
});
