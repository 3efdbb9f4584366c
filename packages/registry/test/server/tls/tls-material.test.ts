import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { domainToASCII } from 'node:url';
import { connect, createServer, type ConnectionOptions, type Server, type TLSSocket } from 'node:tls';
import { recordingLogger, systemRandom } from '@muster/core';
import { ManualClock } from '@muster/core/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeSelfSigned, TlsMaterial, type TlsSource } from '../../../src/server/tls/index.ts';
import { warnings } from '../../operator-files/memory-operator-files.ts';

const DAY_MS = 86_400_000;

let folder = '';
const cleanups: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muster-tls-'));
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  await rm(folder, { recursive: true });
});

function selfSigned(...hostNames: string[]): TlsSource {
  return { kind: 'self_signed', directory: join(folder, 'tls'), hostNames };
}

async function load(source: TlsSource, clock = new ManualClock(Date.now())) {
  const log = recordingLogger();
  return { material: await TlsMaterial.load({ source, clock, random: systemRandom, log }), log };
}

async function serve(material: TlsMaterial): Promise<Server> {
  const server = createServer(material.serverOptions, (socket) => {
    socket.on('error', () => undefined);
    socket.end(`hello\n`);
  });
  material.attach(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => new Promise((resolve) => server.close(resolve)));
  return server;
}

async function dial(server: Server, options: ConnectionOptions): Promise<TLSSocket> {
  const { port } = server.address() as AddressInfo;
  const socket = connect({ host: '127.0.0.1', port, ...options });
  cleanups.push(async () => socket.destroy());
  await once(socket, 'secureConnect');
  return socket;
}

describe('a self-signed certificate', () => {
  test('is what the specification says', async () => {
    const now = Date.now();
    const pair = await makeSelfSigned(['registry.example', '192.0.2.7', '2001:db8::9'], now, systemRandom);
    const leaf = new X509Certificate(pair.certificate);
    expect(leaf.subject).toBe('O=Muster');
    expect(leaf.issuer).toBe('O=Muster');
    expect(leaf.verify(leaf.publicKey)).toBe(true);
    expect(leaf.publicKey.asymmetricKeyDetails).toMatchObject({ namedCurve: 'prime256v1' });
    expect(leaf.ca).toBe(false);
    expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
    for (const name of ['localhost', 'registry.example']) expect(leaf.checkHost(name)).toBe(name);
    for (const ip of ['127.0.0.1', '::1', '192.0.2.7', '2001:db8::9']) expect(leaf.checkIP(ip)).toBe(ip);
    expect(leaf.checkIP('192.0.2.8')).toBeUndefined();
    expect(leaf.validFromDate.getTime()).toBeLessThanOrEqual(now);
    expect(Math.abs(leaf.validToDate.getTime() - now - 365 * DAY_MS)).toBeLessThanOrEqual(1_000);
  });

  test('can be made in any year, and never with the same serial number', async () => {
    const serials = new Set<string>();
    for (const date of [
      '2026-01-02T03:04:05Z',
      '2049-12-31T23:30:00Z',
      '2050-01-01T00:00:00Z',
      '2077-07-07T07:07:07Z',
    ]) {
      const leaf = new X509Certificate(
        (await makeSelfSigned([], Date.parse(date), systemRandom)).certificate,
      );
      expect(leaf.validFromDate.getTime()).toBe(Date.parse(date) - 3_600_000);
      expect(leaf.serialNumber).toMatch(/^[4-7][0-9A-F]{31}$/);
      serials.add(leaf.serialNumber);
    }
    expect(serials.size).toBe(4);
  });

  test('survives a restart, in private files', async () => {
    const first = await load(selfSigned('registry.example'));
    const second = await load(selfSigned('registry.example'));
    expect(second.material.fingerprint).toBe(first.material.fingerprint);
    expect(first.log.entries).toHaveLength(1);
    expect(second.log.entries).toHaveLength(0);
    const tls = join(folder, 'tls');
    expect((await stat(tls)).mode & 0o777).toBe(0o700);
    expect((await readdir(tls)).sort()).toEqual(['certificate.pem', 'self-signed.pem']);
    for (const name of await readdir(tls)) expect((await stat(join(tls, name))).mode & 0o777).toBe(0o600);
    expect(await readFile(join(tls, 'certificate.pem'), 'utf8')).toBe(first.material.certificate);
    expect(first.material.certificate).not.toContain('PRIVATE KEY');
  });

  test('for unusual names stays, too; what is no name is refused', async () => {
    const names = ['Überall.Example', '*.wild.example', '10.0.0.1'];
    const first = await load(selfSigned(...names));
    const second = await load(selfSigned(...names));
    expect(second.material.fingerprint).toBe(first.material.fingerprint);
    expect(
      new X509Certificate(first.material.certificate).checkHost(domainToASCII('überall.example')),
    ).toBeDefined();
    expect(new X509Certificate(first.material.certificate).checkHost('a.wild.example')).toBeDefined();
    for (const name of ['', 'a b', 'a,b', 'x'.repeat(64), 'a..b']) {
      await expect(
        load({ kind: 'self_signed', directory: undefined, hostNames: [name] }),
      ).rejects.toMatchObject({
        code: 'tls_self_signed_failed',
        message: `generate self-signed cert: "${name}" is no host name`,
      });
    }
  });

  test('gets back its private mode', async () => {
    await load(selfSigned());
    const path = join(folder, 'tls', 'self-signed.pem');
    await chmod(path, 0o644);
    await load(selfSigned());
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  test.each([
    ['with 31 days left it stays', 334, [], undefined],
    ['with 29 days left it is renewed', 336, [], 'valid for less than 30 days'],
    ['expired it is renewed', 400, [], 'expired'],
    ['for another host name it is renewed', 0, ['other.example'], 'not for other.example'],
  ])('%s', async (_title, days, hostNames, reason) => {
    const start = Date.now();
    const first = await load(selfSigned(), new ManualClock(start));
    const second = await load(selfSigned(...hostNames), new ManualClock(start + days * DAY_MS));
    if (reason === undefined) {
      expect(second.material.fingerprint).toBe(first.material.fingerprint);
      expect(warnings(second.log)).toBe(0);
      return;
    }
    expect(second.log.entries).toMatchObject([
      {
        level: 'warn',
        fields: {
          reason,
          previousFingerprint: first.material.fingerprint,
          fingerprint: second.material.fingerprint,
        },
      },
    ]);
    expect(second.material.fingerprint).not.toBe(first.material.fingerprint);
  });

  test('a damaged file is refused and left alone', async () => {
    await load(selfSigned());
    const path = join(folder, 'tls', 'self-signed.pem');
    const good = await readFile(path, 'utf8');
    const flipped = Buffer.from(good);
    const inSignature = good.indexOf('-----END CERT') - 12;
    flipped[inSignature] = good[inSignature] === 'A' ? 0x42 : 0x41;
    for (const text of ['', 'nonsense', good.slice(0, 600), good.slice(200), flipped.toString()]) {
      await writeFile(path, text);
      await expect(load(selfSigned())).rejects.toMatchObject({
        code: 'tls_keypair_unusable',
        message: expect.stringMatching(/^load TLS keypair: ./),
      });
      expect(await readFile(path, 'utf8')).toBe(text);
    }
  });

  test('that can not be stored is an error', async () => {
    await writeFile(join(folder, 'file'), '');
    const source: TlsSource = { kind: 'self_signed', directory: join(folder, 'file', 'tls'), hostNames: [] };
    await expect(load(source)).rejects.toThrowError(/^(generate self-signed cert|load TLS keypair): ./);
  });

  test('without a folder lives in memory', async () => {
    const { material } = await load({ kind: 'self_signed', directory: undefined, hostNames: [] });
    expect(material.fingerprint).toMatch(/^[0-9a-f]{64}$/);
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('a listener', () => {
  test('is reached by a client that pins or trusts its certificate', async () => {
    const { material } = await load(selfSigned());
    const server = await serve(material);
    const pinning = await dial(server, { rejectUnauthorized: false });
    const der = pinning.getPeerX509Certificate()?.fingerprint256.replaceAll(':', '').toLowerCase();
    expect(der).toBe(material.fingerprint);
    expect(pinning.getProtocol()).toBe('TLSv1.3');
    const trusting = await dial(server, { ca: material.certificate, servername: 'localhost' });
    expect(trusting.authorized).toBe(true);
    await expect(
      dial(server, { ca: material.certificate, servername: 'other.example' }),
    ).rejects.toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
    await expect(dial(server, {})).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  });

  test('refuses TLS 1.2', async () => {
    const { material } = await load(selfSigned());
    const server = await serve(material);
    await expect(dial(server, { rejectUnauthorized: false, maxVersion: 'TLSv1.2' })).rejects.toMatchObject({
      code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
    });
  });

  test.each([
    ['X25519', 'X25519'],
    ['P-256', 'prime256v1'],
    ['P-256:X25519', 'X25519'],
  ])('with a client of the groups %s agrees on %s or better', async (ecdhCurve, group) => {
    const { material } = await load(selfSigned());
    const server = await serve(material);
    const socket = await dial(server, { rejectUnauthorized: false, ecdhCurve });
    const agreed = socket.getEphemeralKeyInfo();
    const allowed = ecdhCurve.includes(':') ? ['X25519', 'prime256v1'] : [group];
    expect(allowed).toContain(agreed !== null && 'name' in agreed ? agreed.name : undefined);
  });

  test('refuses other groups', async () => {
    const { material } = await load(selfSigned());
    const server = await serve(material);
    await expect(dial(server, { rejectUnauthorized: false, ecdhCurve: 'P-384' })).rejects.toMatchObject({
      code: 'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE',
    });
  });

  test('takes exchanged files without a restart, and keeps the old pair when they are bad', async () => {
    const certificatePath = join(folder, 'cert.pem');
    const keyPath = join(folder, 'key.pem');
    const write = async (pair: { certificate: string; key: string }) => {
      await writeFile(certificatePath, pair.certificate);
      await writeFile(keyPath, pair.key);
    };
    const one = await makeSelfSigned([], Date.now(), systemRandom);
    const two = await makeSelfSigned([], Date.now(), systemRandom);
    await write(one);
    const { material } = await load({ kind: 'files', certificatePath, keyPath });
    const server = await serve(material);
    const seen = async () =>
      (await dial(server, { rejectUnauthorized: false })).getPeerX509Certificate()?.toString();
    expect(await material.reload()).toBe(false);
    expect(await seen()).toBe(one.certificate);
    await write({ certificate: two.certificate, key: one.key });
    await expect(material.reload()).rejects.toMatchObject({
      code: 'tls_keypair_unusable',
      message: 'load TLS keypair: the private key does not belong to the certificate',
    });
    expect(await seen()).toBe(one.certificate);
    await write(two);
    expect(await material.reload()).toBe(true);
    expect(await seen()).toBe(two.certificate);
    material.detach(server);
    await write(one);
    expect(await material.reload()).toBe(true);
    expect(await seen()).toBe(two.certificate);
  });

  test.each(['cert.pem', 'key.pem'])('a missing %s is an error', async (missing) => {
    const pair = await makeSelfSigned([], Date.now(), systemRandom);
    await writeFile(join(folder, 'cert.pem'), pair.certificate);
    await writeFile(join(folder, 'key.pem'), pair.key);
    await rm(join(folder, missing));
    const source: TlsSource = {
      kind: 'files',
      certificatePath: join(folder, 'cert.pem'),
      keyPath: join(folder, 'key.pem'),
    };
    await expect(load(source)).rejects.toMatchObject({
      code: 'tls_keypair_unusable',
      message: expect.stringMatching(/^load TLS keypair: ENOENT/),
    });
  });
});
