import { chmod, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { EXIT_CODES } from '@muster/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../../src/index.ts';
import { type RunningRegistry, startRegistry } from '../support/running-registry.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { errorOf, type Outcome, run, TestIo } from '../support/test-io.ts';

const folder = temporaryFolder();
const ADMIN_TOKEN = 'token-of-the-test';
let registry: RunningRegistry;

beforeAll(async () => {
  registry = await startRegistry([
    'registry',
    'serve',
    '--make-admin-token',
    '--in-memory',
    '--admin-token',
    ADMIN_TOKEN,
  ]);
});
afterAll(async () => {
  await registry.stop();
});

const asAdmin = { MUSTER_ADMIN_TOKEN: ADMIN_TOKEN };

function io(environment: Readonly<Record<string, string>> = {}): TestIo {
  const address = { MUSTER_REGISTRY: registry.ready.address };
  return new TestIo({ homeDirectory: folder.path('home'), environment: { ...address, ...environment } });
}

/** Runs `muster nodes …` against the registry of this file. */
async function nodes(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  return await run(['nodes', ...args], io(environment));
}

/** The same, and reads what it prints as JSON. */
async function nodesJson(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Record<string, unknown>> {
  const outcome = await nodes([...args, '--json'], environment);
  expect(outcome).toMatchObject({ exitCode: EXIT_CODES.ok.code, stderr: '' });
  return JSON.parse(outcome.stdout) as Record<string, unknown>;
}

describe('muster nodes register', () => {
  it('makes a key when there is none, and says so', async () => {
    const first = await nodes(['register', '--hostname', 'reg-one']);
    const key = folder.path('home', '.muster', 'node.pem');
    expect(first.exitCode).toBe(EXIT_CODES.ok.code);
    expect(first.stderr).toContain(`Made a new key: ${key}`);
    expect(first.stdout).toMatch(/^id {9}\d+\naddress {4}0:0000\.0000\.[0-9A-F]{4}\nhostname {3}reg-one\n/);
    const again = await nodes(['register']);
    expect(again.stderr).toBe('');
    expect(again.stdout.split('\n')[0]).toBe(first.stdout.split('\n')[0]);
    expect(first.stdout + first.stderr).not.toContain('PRIVATE');
  });

  it('takes what the node says of itself', async () => {
    const key = folder.path('k.pem');
    const said = ['--listen-addr', ':4000', '--lan-addrs', '10.0.0.9:4000', '--tags', 'eu,gpu', '--public'];
    const registered = await nodesJson([
      'register',
      '--key',
      key,
      '--hostname',
      'reg-two',
      '--owner',
      'o@example.org',
      ...said,
    ]);
    expect(registered).toMatchObject({ hostname: 'reg-two', visibility: 'public', key, keyCreated: true });
    expect(await nodesJson(['get', 'reg-two'])).toMatchObject({
      nodeId: registered['nodeId'],
      publicKey: registered['publicKey'],
      realAddress: '127.0.0.1:4000',
      tags: ['eu', 'gpu'],
      lastSeen: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    });
    expect(await nodesJson(['register', '--key', key, '--no-public', '--tags', ''])).toMatchObject({
      visibility: 'private',
    });
  });

  it('tells when the hostname was refused, although the node is registered', async () => {
    await nodesJson(['register', '--key', folder.path('a.pem'), '--hostname', 'reg-three']);
    const second = await nodes(['register', '--key', folder.path('b.pem'), '--hostname', 'reg-three']);
    expect(second.exitCode).toBe(EXIT_CODES.refused.code);
    expect(second.stderr).toContain('without the hostname: ');
    const third = await nodes([
      'register',
      '--key',
      folder.path('b.pem'),
      '--hostname',
      'reg-three',
      '--json',
    ]);
    expect(JSON.parse(third.stdout)).toMatchObject({ hostname: null, hostnameError: expect.any(String) });
  });
});

describe('muster nodes get', () => {
  it('finds a node by id, hostname and address', async () => {
    const { nodeId, address } = await nodesJson(['register', '--hostname', 'get-one', '--public']);
    for (const name of [String(nodeId), 'get-one', String(address)]) {
      expect(await nodesJson(['get', name])).toMatchObject({ nodeId, hostname: 'get-one' });
    }
    const { stdout } = await nodes(['get', 'get-one']);
    expect(stdout).toMatch(/^id {12}\d+\n/);
    expect(stdout).toMatch(/\nlast seen {5}\d+s ago\n$/);
  });

  it('says what does not exist, and what cannot', async () => {
    const unknown = await nodes(['get', 'nobody', '--json']);
    expect(unknown.exitCode).toBe(EXIT_CODES.notFound.code);
    expect(errorOf(unknown)).toMatchObject({ code: 'REGISTRY_REFUSED', refusal: 'not_found' });
    expect((await nodes(['get', '4294967295'])).exitCode).toBe(EXIT_CODES.notFound.code);
    expect((await nodes(['get', '0'])).exitCode).toBe(EXIT_CODES.usage.code);
    expect((await nodes(['get', '4294967296'])).exitCode).toBe(EXIT_CODES.usage.code);
  });

  it('says that nothing listens, or nothing that answers', async () => {
    const server = createServer((socket) => void socket.resume());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const silent = `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
    const waiting = await nodes(['get', '1', '--registry', silent, '--timeout', '50ms', '--json']);
    expect(waiting.exitCode).toBe(EXIT_CODES.unreachable.code);
    expect(errorOf(waiting)).toMatchObject({ code: 'TIMEOUT', hint: expect.stringContaining('--timeout') });
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
    const nobody = await nodes(['get', '1', '--registry', silent]);
    expect(nobody.exitCode).toBe(EXIT_CODES.unreachable.code);
    expect(nobody.stderr).toContain('ECONNREFUSED');
    expect(nobody.stderr).toContain('npm start');
  });
});

describe('muster nodes list', () => {
  it('is for administrators, or of one network', async () => {
    const none = await nodes(['list', '--json']);
    expect(none.exitCode).toBe(EXIT_CODES.usage.code);
    expect(errorOf(none)).toMatchObject({
      code: 'ADMIN_TOKEN_MISSING',
      hint: expect.stringContaining('--admin-token-file'),
    });
    const wrong = await nodes(['list', '--json'], { MUSTER_ADMIN_TOKEN: 'wrong' });
    expect(wrong.exitCode).toBe(EXIT_CODES.refused.code);
    expect(wrong.stderr).not.toContain('"wrong"');
    expect((await nodes(['list', '--network', '77'])).exitCode).toBe(EXIT_CODES.notFound.code);
  });

  it("warns before an administrator's token goes over the network in clear", async () => {
    const warning = 'The admin token goes over the network in clear';
    const away = ['list', '--registry', '192.0.2.1:9000', '--timeout', '20ms'];
    expect((await nodes(away, asAdmin)).stderr).toContain(warning);
    expect((await nodes([...away, '--pin', '0'.repeat(64)], asAdmin)).stderr).not.toContain(warning);
    expect((await nodes(['list'], asAdmin)).stderr).toBe('');
  });

  it('is a table for people, and JSON for scripts', async () => {
    const { nodeId } = await nodesJson(['register', '--hostname', 'list-one', '--public']);
    const { stdout } = await nodes(['list'], asAdmin);
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).toMatch(/^ID {2,}ADDRESS {2,}HOSTNAME {2,}VISIBILITY {2,}REAL ADDRESS {2,}LAST SEEN/);
    expect(lines.find((line) => line.includes('list-one'))).toMatch(
      new RegExp(`^${String(nodeId)} .* public `),
    );
    expect(lines.at(-1)).toBe(`${lines.length - 2} nodes`);
    expect(stdout).not.toContain('\u001b');
    const list = await nodesJson(['list'], asAdmin);
    expect(list['nodes']).toContainEqual(
      expect.objectContaining({ nodeId, hostname: 'list-one', state: 'live' }),
    );
  });
});

describe('muster nodes resolve', () => {
  it('tells where a public node is, and not where a private one is', async () => {
    const asker = folder.path('asker.pem');
    await nodesJson(['register', '--key', asker]);
    await nodesJson([
      'register',
      '--key',
      folder.path('p.pem'),
      '--hostname',
      'res-one',
      '--listen-addr',
      ':4001',
      '--public',
    ]);
    expect(await nodesJson(['resolve', 'res-one', '--key', asker])).toMatchObject({
      realAddress: '127.0.0.1:4001',
    });
    const { nodeId } = await nodesJson(['register', '--key', folder.path('q.pem')]);
    const refused = await nodes(['resolve', String(nodeId), '--key', asker, '--json']);
    expect(refused.exitCode).toBe(EXIT_CODES.refused.code);
    expect(errorOf(refused)).toMatchObject({ refusal: 'private', hint: expect.stringContaining('trusts') });
  });

  it('needs to know who asks', async () => {
    const missing = await nodes(['resolve', '1', '--json']);
    expect(missing.exitCode).toBe(EXIT_CODES.notFound.code);
    expect(errorOf(missing).code).toBe('KEY_FILE_NOT_FOUND');
    await run(['keys', 'generate'], io());
    const unknown = await nodes(['resolve', '1', '--json']);
    expect(unknown.exitCode).toBe(EXIT_CODES.usage.code);
    expect(errorOf(unknown)).toMatchObject({
      code: 'NODE_UNKNOWN',
      hint: expect.stringContaining('muster nodes register'),
    });
    const claimed = await nodes(['resolve', '1', '--node', '1', '--json']);
    expect(claimed.exitCode).toBe(EXIT_CODES.refused.code);
    expect(errorOf(claimed).refusal).toBe('auth_signature');
  });
});

describe('muster nodes deregister', () => {
  it('takes out the node of the key', async () => {
    const { nodeId } = await nodesJson(['register', '--hostname', 'dereg-one', '--public']);
    expect(await nodesJson(['deregister'])).toEqual({ nodeId, deregistered: true });
    expect((await nodes(['get', String(nodeId)])).exitCode).toBe(EXIT_CODES.notFound.code);
    expect(errorOf(await nodes(['deregister', '--json'])).code).toBe('NODE_UNKNOWN');
    expect(await nodesJson(['register'])).toMatchObject({ nodeId });
  });

  it('takes out any node for an administrator, and for nobody else', async () => {
    const { nodeId } = await nodesJson(['register', '--key', folder.path('x.pem')]);
    const stranger = await nodes(['deregister', String(nodeId), '--json']);
    expect(stranger.exitCode).toBe(EXIT_CODES.usage.code);
    expect(errorOf(stranger)).toMatchObject({
      code: 'CREDENTIAL_MISSING',
      hint: expect.stringContaining('--admin-token-file'),
    });
    expect(await nodesJson(['deregister', String(nodeId)], asAdmin)).toEqual({ nodeId, deregistered: true });
  });
});

describe('muster nodes watch', () => {
  it('tells who is there, who comes and who goes, and ends when asked to', async () => {
    await nodesJson(['register', '--key', folder.path('w1.pem'), '--hostname', 'watch-one']);
    const watching = io(asAdmin);
    const ended = runCli(['nodes', 'watch', '--interval', '20ms', '--json'], watching);
    await watching.printed('"synchronized"');
    expect(watching.written.stdout).toContain('watch-one');
    const { nodeId } = await nodesJson([
      'register',
      '--key',
      folder.path('w2.pem'),
      '--hostname',
      'watch-two',
    ]);
    await watching.printed('watch-two');
    await nodesJson(['deregister', '--key', folder.path('w2.pem')]);
    await watching.printed('"left"');
    watching.stop();
    expect(await ended).toBe(EXIT_CODES.ok.code);
    const events = watching.written.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: string });
    const after = events.slice(events.findIndex(({ event }) => event === 'synchronized') + 1);
    expect(after).toMatchObject([
      { event: 'joined', initial: false, node: { nodeId } },
      { event: 'left', node: { nodeId } },
    ]);
  });

  it('is lines for people, and ends when nobody reads them', async () => {
    await nodesJson(['register', '--hostname', 'watch-three']);
    const watching = io(asAdmin);
    const ended = runCli(['nodes', 'watch', '--interval', '20ms'], watching);
    await watching.printed('watch-three');
    watching.closeOutput();
    expect(await ended).toBe(EXIT_CODES.ok.code);
    expect(watching.written.stdout).toMatch(
      /^joined +\d+ {2}0:0000\.0000\.[0-9A-F]{4}( {2}\S+)* {2}private$/m,
    );
  });

  it('goes on while the registry is away', async () => {
    const watching = io({ ...asAdmin, MUSTER_REGISTRY: '127.0.0.1:1' });
    const ended = runCli(['nodes', 'watch', '--interval', '20ms', '--json'], watching);
    await watching.printed('"interrupted"');
    watching.stop();
    expect(await ended).toBe(EXIT_CODES.ok.code);
  });
});

describe('keys of nodes', () => {
  it('that are not usable are told, even when they would not be needed', async () => {
    await nodesJson(['register']);
    const key = folder.path('home', '.muster', 'node.pem');
    await chmod(key, 0o644);
    const open = await nodes(['get', '1', '--json']);
    expect(open.exitCode).toBe(EXIT_CODES.usage.code);
    expect(errorOf(open).code).toBe('KEY_FILE_PERMISSIONS');
    await chmod(key, 0o600);
    await writeFile(`${key}.ids.json`, 'nonsense');
    expect(errorOf(await nodes(['get', '1', '--json'])).code).toBe('FILE_UNUSABLE');
  });

  it('have their ids noted for each registry', async () => {
    const { nodeId } = await nodesJson(['register']);
    const noted = await readFile(folder.path('home', '.muster', 'node.pem.ids.json'), 'utf8');
    expect(JSON.parse(noted)).toEqual({ [registry.ready.address]: nodeId });
  });
});

describe('registries with TLS', () => {
  it('are reached with their fingerprint, and not with another', async () => {
    await using secure = await startRegistry([
      'registry',
      'serve',
      '--make-admin-token',
      '--data',
      folder.path('data'),
      '--tls',
      '--strict-directory-auth',
    ]);
    const pin = String(secure.ready.tlsFingerprint);
    const environment = { MUSTER_REGISTRY: secure.ready.address, MUSTER_PIN: pin };
    expect(await nodesJson(['register', '--hostname', 'tls-one', '--public'], environment)).toMatchObject({
      nodeId: 1,
    });
    expect(await nodesJson(['get', '1'], environment)).toMatchObject({ hostname: 'tls-one' });
    const other = await nodes(['get', '1', '--json'], { ...environment, MUSTER_PIN: '0'.repeat(64) });
    expect(other.exitCode).toBe(EXIT_CODES.unreachable.code);
    expect(errorOf(other).code).toBe('PIN_MISMATCH');
    const unknown = await nodes(['get', '1', '--tls', '--json'], { MUSTER_REGISTRY: secure.ready.address });
    expect(errorOf(unknown)).toMatchObject({ code: 'TLS_FAILED', hint: expect.stringContaining('--pin') });
    const trusted = ['get', '1', '--ca', folder.path('data', 'tls', 'certificate.pem')];
    expect(await nodesJson(trusted, { MUSTER_REGISTRY: secure.ready.address })).toMatchObject({ nodeId: 1 });
    const plain = await nodes(['get', '1', '--json'], { MUSTER_REGISTRY: secure.ready.address });
    expect(plain.exitCode).toBe(EXIT_CODES.unreachable.code);
    expect(errorOf(plain).hint).toContain('--pin');
    const noFile = await nodes(['get', '1', '--ca', '/nonexistent/ca.pem', '--json']);
    expect(errorOf(noFile).code).toBe('FILE_UNUSABLE');
  });
});
