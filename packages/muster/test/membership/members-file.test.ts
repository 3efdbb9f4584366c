import { mkdir, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import {
  type ConfirmedMembers,
  MAX_FILE_BYTES,
  readMembersFile,
  writeMembersFile,
} from '../../src/membership/members-file.ts';
import { identityOf, memberOf } from '../support/signed-records.ts';
import { temporaryFolder } from '../support/temporary.ts';

const folder = temporaryFolder();
const place = { registry: '127.0.0.1:9000', network: 1 };
const list: ConfirmedMembers = {
  ...place,
  confirmedAt: 1_780_000_000_000,
  members: [
    memberOf(identityOf(1), 7, 'alpha'),
    { ...memberOf(identityOf(2), 8, 'beta'), name: undefined, isLive: false },
  ],
};

describe('the list of members in a file', () => {
  it('is read as it was written, and only its owner may read it', async () => {
    const path = folder.path('new', 'folder', 'members.json');
    await writeMembersFile(path, list);
    expect(await readMembersFile(path, place)).toEqual({ kind: 'found', list });
    expect(await readMembersFile(path)).toEqual({ kind: 'found', list });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await writeMembersFile(path, { ...list, members: [] });
    expect(await readMembersFile(path, place)).toMatchObject({ list: { members: [] } });
    expect(await readdir(folder.path('new', 'folder'))).toEqual(['members.json']);
  });

  it('is nothing when there is no file, and when it is of another registry or network', async () => {
    const path = folder.path('members.json');
    expect(await readMembersFile(path, place)).toEqual({ kind: 'none' });
    await writeMembersFile(path, list);
    for (const other of [
      { ...place, network: 2 },
      { ...place, registry: '127.0.0.1:9001' },
    ]) {
      expect(await readMembersFile(path, other)).toMatchObject({
        kind: 'unusable',
        reason: 'is of network 1 of 127.0.0.1:9000',
      });
    }
  });

  it('is taken whole or not at all', async () => {
    const path = folder.path('members.json');
    await writeMembersFile(path, list);
    const text = await readFile(path, 'utf8');
    const changed = (change: (value: { members: Record<string, unknown>[] }) => void): string => {
      const value = JSON.parse(text) as { members: Record<string, unknown>[] };
      change(value);
      return JSON.stringify(value);
    };
    const damaged = [
      '',
      'null',
      '[]',
      text.slice(0, -10),
      text.replace('"version":1', '"version":2'),
      changed(({ members }) => void (members[0] = { ...members[0], publicKey: 'AAAA' })),
      changed(({ members }) => void (members[1] = { ...members[1], tags: [1] })),
      changed(({ members }) => void (members[1] = { ...members[1], nodeId: -1 })),
      changed(({ members }) => void (members[1] = { ...members[1], isLive: 'yes' })),
      changed((value) => void Object.assign(value, { members: {} })),
    ];
    for (const content of damaged) {
      await writeFile(path, content);
      expect([content, (await readMembersFile(path, place)).kind]).toEqual([content, 'unusable']);
    }
  });

  it('is not read when it is too long, or no file', async () => {
    const path = folder.path('members.json');
    await writeFile(path, '');
    await truncate(path, MAX_FILE_BYTES + 1);
    expect((await readMembersFile(path)).kind).toBe('unusable');
    await mkdir(folder.path('folder'));
    expect((await readMembersFile(folder.path('folder'))).kind).toBe('unusable');
  });
});
