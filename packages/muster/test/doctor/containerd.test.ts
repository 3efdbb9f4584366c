import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { examineContainerd, isMirror } from '../../src/doctor/containerd.ts';
import { examineRegistriesConf } from '../../src/doctor/registries-conf.ts';
import { temporaryFolder } from '../support/temporary.ts';

const folder = temporaryFolder();
const MIRROR = '127.0.0.1:5000';

const GOOD = `server = "https://a.example"
[host."http://127.0.0.1:5000"]
  capabilities = ["pull", "resolve"]
  skip_verify = true
`;

async function examine(hosts: string | undefined, config?: string) {
  const certs = folder.path('certs.d');
  await mkdir(join(certs, 'a.example'), { recursive: true });
  if (hosts !== undefined) await writeFile(join(certs, 'a.example', 'hosts.toml'), hosts);
  const configPath = folder.path('config.toml');
  if (config !== undefined) await writeFile(configPath, config);
  const findings = await examineContainerd({
    configPath,
    folder: config === undefined ? certs : undefined,
    mirror: MIRROR,
    registries: ['a.example'],
  });
  return findings ?? [];
}

test('the configuration that is asked for is right, also through the configuration of containerd', async () => {
  expect((await examine(GOOD)).map(({ status }) => status)).toEqual(['ok', 'ok']);
  const config = `[plugins."io.containerd.grpc.v1.cri".registry]\n  config_path = "${folder.path('certs.d')}"\n`;
  expect((await examine(GOOD, config)).map(({ status }) => status)).toEqual(['ok', 'ok']);
});

test('strict is told as such', async () => {
  const [, registry] = await examine(GOOD.replace('https://a.example', 'http://localhost:5000'));
  expect(registry?.found).toContain('strict');
});

test.each<[string, string | undefined, string]>([
  ['nothing', undefined, 'capabilities = ["pull", "resolve"]'],
  ['another mirror', GOOD.replace(':5000', ':5999'), '[host."http://127.0.0.1:5000"]'],
  ['no resolve', GOOD.replace(', "resolve"', ''), 'Set capabilities'],
  ['no server', GOOD.replace(/^server.*\n/, ''), 'Set server'],
  ['TLS', GOOD.replace('http://127', 'https://127'), 'Write [host."http://127.0.0.1:5000"]'],
  ['override_path', `${GOOD}  override_path = true\n`, 'Take override_path out'],
  ['nonsense', 'this is no TOML', 'Write this to it'],
])('%s is a problem with a fix', async (_, hosts, fix) => {
  const [, registry] = await examine(hosts);
  expect(registry).toMatchObject({ status: 'problem', fix: expect.stringContaining(fix) as unknown });
});

test('without skip_verify it works', async () => {
  const [, registry] = await examine(GOOD.replace(/ *skip_verify.*\n/, ''));
  expect(registry).toMatchObject({
    status: 'warning',
    fix: expect.stringContaining('skip_verify = true') as unknown,
  });
});

test('a configuration that names no folder is told', async () => {
  const [containerd] = await examine(GOOD, 'version = 2\n');
  expect(containerd).toMatchObject({
    status: 'problem',
    fix: expect.stringContaining('config_path') as unknown,
  });
});

test('a machine without containerd is none', async () => {
  const places = {
    configPath: folder.path('none'),
    folder: folder.path('none.d'),
    mirror: MIRROR,
    registries: [],
  };
  expect(await examineContainerd(places)).toBeUndefined();
});

test.each([
  ['http://127.0.0.1:5000', true],
  ['http://localhost:5000/v2', true],
  ['127.0.0.1:5000', true],
  ['http://127.0.0.1:5001', false],
  ['http://10.0.0.1:5000', false],
  ['', false],
])('%j is the mirror: %s', (text, expected) => {
  expect(isMirror(text, MIRROR)).toBe(expected);
});

async function examineConf(text: string, registries: readonly string[] = ['a.example']) {
  const path = folder.path('registries.conf');
  await writeFile(path, text);
  return (await examineRegistriesConf({ path, mirror: MIRROR, registries })) ?? [];
}

const CONF = `[[registry]]
location = "a.example"
[[registry.mirror]]
location = "127.0.0.1:5000"
insecure = true
`;

test('registries.conf: right, without an entry, with TLS, and with several registries', async () => {
  expect((await examineConf(CONF)).map(({ status }) => status)).toEqual(['ok']);
  expect(await examineConf('')).toMatchObject([
    { status: 'problem', fix: expect.stringContaining('[[registry]]') as unknown },
  ]);
  expect(await examineConf(CONF.replace('insecure = true', ''))).toMatchObject([
    { status: 'problem', fix: expect.stringContaining('insecure = true') as unknown },
  ]);
  expect(await examineConf(CONF.replace('5000', '5999'))).toMatchObject([{ status: 'problem' }]);
  const [several] = await examineConf(CONF, ['a.example', 'b.example']);
  expect(several).toMatchObject({ status: 'problem', found: expect.stringContaining('2') as unknown });
  expect(
    await examineRegistriesConf({ path: folder.path('nowhere.conf'), mirror: MIRROR, registries: [] }),
  ).toBeUndefined();
});
