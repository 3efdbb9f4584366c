import { generateKeyPairSync } from 'node:crypto';
import { Identity } from '@muster/core/identity';
import { encodeIdentityFile } from '@muster/coordination';
import { systemRandom } from '@muster/core';
import { Psk } from '@muster/discovery/keys';
import { describe, expect, it } from 'vitest';
import { examineFolder } from '../../../src/doctor/checks/folders.ts';
import { examineSecrets, type SecretFacts } from '../../../src/doctor/checks/keys.ts';
import type { FileFacts } from '../../../src/doctor/probes/file.ts';

const UID = 1000;
const file = (more: Partial<FileFacts> = {}): FileFacts => ({
  kind: 'file',
  mode: 0o600,
  uid: UID,
  isWritable: true,
  bytes: 100,
  ...more,
});
const FOLDER = file({ kind: 'folder', mode: 0o700 });

function facts(
  content: string | Uint8Array | undefined,
  more: Partial<SecretFacts['secret']> = {},
  look: {
    readonly facts?: Partial<FileFacts>;
    readonly folder?: Partial<FileFacts>;
    readonly code?: string;
  } = {},
): SecretFacts {
  const secret = {
    kind: 'key',
    owner: 'alpha',
    path: '/keys/alpha.pem',
    setting: '--key',
    isMade: false,
    ...more,
  } as const;
  if (content === undefined) {
    return { secret, look: { kind: 'failure', code: look.code ?? 'ENOENT' }, publicLook: undefined };
  }
  return {
    secret,
    look: {
      kind: 'found',
      facts: file(look.facts),
      folder: { ...FOLDER, ...look.folder },
      bytes: typeof content === 'string' ? Buffer.from(content) : content,
    },
    publicLook: undefined,
  };
}

const ALPHA = Identity.generate();
const PSK = Psk.generate(systemRandom).toText();

describe('keys', () => {
  it('are Ed25519, in either form', () => {
    for (const content of [ALPHA.toPem(), encodeIdentityFile(ALPHA)]) {
      const { keys, permissions } = examineSecrets([facts(content)], UID);
      expect(keys).toMatchObject([{ status: 'ok', found: expect.stringContaining(ALPHA.peerId) }]);
      expect(permissions).toMatchObject([{ status: 'ok' }]);
    }
  });

  it.each([
    [
      'of another kind',
      generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
        format: 'pem',
        type: 'pkcs8',
      }) as string,
    ],
    ['that are none', 'hello'],
    ['that are empty', ''],
    ['of libp2p that are cut off', encodeIdentityFile(ALPHA).subarray(0, 20)],
  ])('%s are found', (_, content) => {
    const [finding] = examineSecrets([facts(content)], UID).keys;
    expect(finding).toMatchObject({
      status: 'problem',
      found: expect.stringContaining('not an Ed25519 private key'),
    });
    expect(finding?.fix).toContain('muster keys generate --key /keys/alpha.pem');
  });

  it('may be missing where the service makes them', () => {
    expect(examineSecrets([facts(undefined)], UID).keys[0]).toMatchObject({ status: 'problem' });
    expect(examineSecrets([facts(undefined, { isMade: true })], UID).keys[0]).toMatchObject({ status: 'ok' });
    expect(examineSecrets([facts(undefined, {}, { code: 'EACCES' })], UID).keys[0]).toMatchObject({
      status: 'problem',
      found: expect.stringContaining('EACCES'),
    });
  });

  it('are of one peer only', () => {
    const same = [facts(ALPHA.toPem()), facts(ALPHA.toPem(), { owner: 'beta', path: '/keys/beta.pem' })];
    const twice = examineSecrets(same, UID).keys.filter(({ status }) => status === 'problem');
    expect(twice).toMatchObject([
      { what: 'key of beta', found: expect.stringContaining('is the key of alpha (/keys/alpha.pem)') },
    ]);
    const two = [facts(ALPHA.toPem()), facts(Identity.generate().toPem(), { owner: 'beta' })];
    expect(examineSecrets(two, UID).keys.every(({ status }) => status === 'ok')).toBe(true);
  });

  it('have the public half that lies beside them', () => {
    const own = facts(ALPHA.toPem(), { publicPath: '/keys/alpha.pub' });
    const publicLook = facts('-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----\n').look;
    expect(examineSecrets([{ ...own, publicLook }], UID).keys[0]).toMatchObject({ status: 'problem' });
  });
});

describe('tokens and pre-shared keys', () => {
  it('have the form that they should', () => {
    const check = (kind: 'token' | 'psk', content: string): string | undefined =>
      examineSecrets([facts(content, { kind })], UID).keys[0]?.status;
    expect(check('token', 'a-token-of-some-length\n')).toBe('ok');
    expect(check('token', 'short')).toBe('problem');
    expect(check('token', '\n')).toBe('problem');
    expect(check('psk', PSK)).toBe('ok');
    expect(check('psk', '/key/swarm/psk/1.0.0/\n/base16/\n1234\n')).toBe('problem');
  });

  it('are the same for all who should meet', () => {
    const other = Psk.generate(systemRandom).toText();
    const psk = (owner: string, content: string): SecretFacts =>
      facts(content, { kind: 'psk', owner, path: `/${owner}` });
    const { keys } = examineSecrets([psk('alpha', PSK), psk('beta', PSK), psk('gamma', other)], UID);
    expect(keys.filter(({ status }) => status !== 'ok')).toMatchObject([
      { status: 'warning', what: 'pre-shared key of gamma' },
    ]);
    expect(JSON.stringify(keys)).not.toContain(PSK.split('\n')[2]);
  });
});

describe('rights', () => {
  it.each([
    ['a key that the group may read', { facts: { mode: 0o640 } }, 'problem', 'chmod 600 /keys/alpha.pem'],
    ['a key of another user', { facts: { uid: 5 } }, 'warning', 'chown 1000 /keys/alpha.pem'],
    ['a key that others may replace', { folder: { mode: 0o777 } }, 'problem', 'chmod go-w /keys'],
    ['a key below /tmp', { folder: { mode: 0o1777 } }, 'ok', undefined],
  ])('%s', (_, look, status, fix) => {
    const [finding] = examineSecrets([facts(ALPHA.toPem(), {}, look)], UID).permissions;
    expect(finding).toMatchObject({ status, ...(fix === undefined ? {} : { fix }) });
  });

  it('are not asked for where the system has none', () => {
    expect(
      examineSecrets([facts(ALPHA.toPem(), {}, { facts: { mode: undefined } as never })], undefined)
        .permissions,
    ).toEqual([]);
  });

  const folder = { owner: 'the registry', path: '/data', setting: 'data', isSecret: true, isDurable: true };
  it.each([
    ['is not there yet', { kind: 'failure', code: 'ENOENT' }, 'ok'],
    ['lies where nobody may look', { kind: 'failure', code: 'EACCES' }, 'problem'],
    ['is a file', { kind: 'found', facts: file() }, 'problem'],
    ['can be written', { kind: 'found', facts: FOLDER }, 'ok'],
    ['can not be written', { kind: 'found', facts: { ...FOLDER, isWritable: false } }, 'problem'],
    ['can be written by others', { kind: 'found', facts: { ...FOLDER, mode: 0o770 } }, 'problem'],
    ['can be read by others', { kind: 'found', facts: { ...FOLDER, mode: 0o755 } }, 'warning'],
    ['belongs to another user', { kind: 'found', facts: { ...FOLDER, uid: 5 } }, 'warning'],
  ] as const)('of a data folder that %s', (_, look, status) => {
    const finding = examineFolder(folder, look, UID);
    expect(finding.status).toBe(status);
    if (status !== 'ok') expect(finding.fix).toBeTruthy();
  });
});
