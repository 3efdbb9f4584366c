import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { systemTimers } from '@muster/core';
import { FaultStorage, seededRandom } from '@muster/core/testing';
import { describe, expect, it } from 'vitest';
import { checkStore, Registry } from '../../src/index.ts';
import { openLog } from '../../src/log/index.ts';
import { Directory } from '../../src/model/directory.ts';
import { NodeFlag } from '../../src/model/node-table.ts';
import { readOriginalLog, writeOriginalLog } from '../../src/original/index.ts';
import { readStore } from '../../src/service/store-check.ts';
import { restoreInto } from '../../src/service/store.ts';
import { snapshotOf, vector, vectorBytes } from '../original/fixtures.ts';
import { dumpDirectory } from '../support/dump-directory.ts';
import {
  fileWith,
  importInto,
  NOW_MS,
  nowClock,
  refusal,
  smallLimits,
  temporaryFolder,
} from './original-support.ts';

interface WalCase {
  readonly name: string;
  readonly file_hex: string;
}

const golden = vectorBytes('snapshot_v1.raw.json');

async function imported(options: Parameters<typeof importInto>[1]): Promise<Directory> {
  const directory = join(temporaryFolder(), 'store');
  await importInto(directory, options);
  return (await readStore(directory, () => undefined, { limits: smallLimits })).state;
}

function snapshotFile(content: string | Uint8Array = golden): string {
  return fileWith(temporaryFolder(), 'registry.json', content);
}

describe('import of the golden snapshot', () => {
  it('brings nodes with their keys, times, flags and names', async () => {
    const { nodes } = await imported({ snapshotPath: snapshotFile() });
    const slot = nodes.liveSlotOf(7);
    expect(nodes.key(slot)?.toString('base64')).toBe('A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=');
    expect(nodes.slotOfKey(nodes.key(slot) ?? new Uint8Array(32))).toBe(slot);
    expect(nodes.slotOfHostname('alpha')).toBe(slot);
    expect(nodes.slotOfOwner('alice@example.com')).toBe(slot);
    expect(nodes.profile(slot)).toEqual({
      networks: [0, 3],
      hostname: 'alpha',
      tags: ['gpu', 'eu-west'],
      realAddr: '203.0.113.10:4000',
      version: 'v1.13.3',
      lanAddrs: ['192.168.1.5:4000'],
      owner: 'alice@example.com',
      externalId: 'alice@example.com',
      rare: {
        badge: 'pilotbadge:v1:7:github:1780012800:0:bdg-v1:',
        badgeSig: 'n8XvFsoXDspLJ7G/VHwau/dsoa/sTZPTlVtYcYGaA9fupho9gNu4VEIK/KIIsbH7uFucmgsphdU4DsR8OlNdAw==',
        verificationProvider: 'github',
        verifiedAt: '2026-07-20T00:00:00Z',
        recoveryCommitment: 'Q09NTUlU',
        recoveryProvider: 'github',
      },
    });
    const seconds = (text: string): number => Date.parse(text) / 1000;
    expect(nodes.lastSeen[slot]).toBe(seconds('2026-08-01T12:00:00Z'));
    expect(nodes.createdAt[slot]).toBe(seconds('2026-07-01T00:00:00Z'));
    expect(nodes.rotatedAt[slot]).toBe(seconds('2026-07-15T00:00:00Z'));
    expect(nodes.rotateCount[slot]).toBe(1);
    expect(nodes.expiresAt[slot]).toBe(seconds('2027-01-01T00:00:00Z'));
    const set = ['public', 'taskExec', 'relayOnly', 'hasKey', 'hasBadge', 'ownsHostname'] as const;
    for (const flag of set) expect(nodes.has(slot, NodeFlag[flag]), flag).toBe(true);
    expect(nodes.has(slot, NodeFlag.signatureVerified)).toBe(false);
    // An offset is settled; the node without a key is there and can't act.
    expect(nodes.lastSeen[nodes.liveSlotOf(11)]).toBe(seconds('2026-08-01T09:00:00Z'));
    expect(nodes.key(nodes.liveSlotOf(11))).toBeUndefined();
  });

  it('turns a reaped identity into a tombstone with its memberships', async () => {
    const { nodes } = await imported({ snapshotPath: snapshotFile() });
    const slot = nodes.slotOf(5);
    expect(nodes.liveSlotOf(5)).toBe(-1);
    expect(nodes.slotOfKey(Buffer.from('JUO5L/EJVRFHatyDadtt3JM2ZaEZeN2hQE7hBmypVZ0=', 'base64'))).toBe(slot);
    expect(nodes.profile(slot)).toMatchObject({ hostname: '', networks: [3] });
    expect(nodes.goneAt[slot]).toBe(NOW_MS / 1000);
    expect([nodes.liveCount, nodes.tombstoneCount]).toEqual([3, 1]);
  });

  it('brings networks with members in order, roles, tags, limits and rules', async () => {
    const { networks, networksByName, nextNode, nextNetwork, trust } = await imported({
      snapshotPath: snapshotFile(),
    });
    const network = networks.get(3);
    expect(network?.profile).toMatchObject({
      name: 'acme',
      joinRule: 'token',
      enterprise: true,
      policy: { maxMembers: 50, allowedPorts: [80, 443], description: 'prod' },
      rules:
        '{"links":10,"cycle":"24h","prune":2,"prune_by":"score","fill":3,"fill_how":"random","grace":"1h"}',
      created: Date.parse('2026-07-01T10:00:00Z') / 1000,
    });
    expect(network?.profile.exprPolicy).toContain('"match":"port < 1024 && true"');
    expect([...(network?.memberIds() ?? [])]).toEqual([7, 9, 5]);
    expect([7, 9, 5, 11].map((id) => network?.role(id))).toEqual(['owner', 'member', 'admin', undefined]);
    expect(network?.tags).toEqual(new Map([[9, ['core']]]));
    expect(networksByName.get('acme')).toBe(3);
    expect([nextNode, nextNetwork]).toEqual([12, 4]);
    expect([trust.trusted(7, 9), trust.trusted(7, 11), trust.size]).toEqual([true, false, 1]);
  });

  it('keeps what belongs to other operations under its own name', async () => {
    const { carried, identityProvider } = await imported({ snapshotPath: snapshotFile() });
    const file = JSON.parse(golden.toString()) as Record<string, unknown>;
    const names =
      'handshake_inbox handshake_responses invite_inbox total_requests start_time restart_events downtime_intervals ' +
      'last_heartbeat probe_states hourly_history daily_history net_hourly_history net_daily_history audit_log ' +
      'audit_export_config rbac_pre_assign term';
    for (const name of names.split(' ')) expect(carried[name], name).toEqual(file[name]);
    expect(carried['request_counts']).toEqual({ '3': 42 });
    expect(Object.keys(carried)).toHaveLength(names.split(' ').length + 1);
    expect(identityProvider).toEqual({
      type: 'oidc',
      url: 'https://idp.example.com/jwks',
      issuer: 'https://idp.example.com',
      clientId: 'client-1',
    });
  });

  it('leaves no token in clear in any file, and only owners may read them', async () => {
    const directory = join(temporaryFolder(), 'store');
    const report = await importInto(directory, { snapshotPath: snapshotFile() });
    expect(report.hashedTokens).toBe(2);
    const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((each) =>
      each.isFile(),
    );
    expect(files.length).toBeGreaterThan(3);
    for (const file of files) {
      const path = join(file.parentPath, file.name);
      const content = readFileSync(path);
      for (const secret of ['s3cret', 'netadm']) expect(content.includes(secret), file.name).toBe(false);
      if (/\.(log|snap)$/.test(file.name)) expect(statSync(path).mode & 0o077, file.name).toBe(0);
    }
  });

  it('reports what was found', async () => {
    const directory = join(temporaryFolder(), 'store');
    const snapshotPath = snapshotFile();
    const phases = new Set<string>();
    const report = await importInto(directory, {
      snapshotPath,
      onProgress: ({ phase }) => phases.add(phase),
    });
    expect(report).toMatchObject({
      directory,
      snapshot: { path: snapshotPath, bytes: golden.length, version: 1, checksum: 'verified' },
      log: undefined,
      nodes: 3,
      nodesWithoutKey: [11],
      tombstones: 1,
      networks: 2,
      trustPairs: 1,
      warningTotals: { NODE_KEY_INVALID: 1, MEMBER_WITHOUT_NODE: 1 },
      notes: [],
      lastSeq: 2,
    });
    expect([...phases]).toEqual(['read', 'build', 'write', 'verify']);
    expect(await checkStore(directory)).toMatchObject({
      ok: true,
      contents: { nodes: 3, inconsistencyCount: 0 },
    });
  });
});

describe('import of other files', () => {
  it('reads a legacy snapshot, which has no checksum', async () => {
    const { file_utf8: file } = vector<{ file_utf8: string }>('snapshot_v0.json');
    const { nodes, trust } = await imported({ snapshotPath: snapshotFile(file) });
    expect(nodes.profile(nodes.liveSlotOf(1))).toMatchObject({ hostname: 'alpha', tags: ['gpu'] });
    expect(nodes.liveSlotOf(3)).toBe(-1);
    expect(nodes.slotOf(3)).toBeGreaterThanOrEqual(0);
    expect(trust.trusted(1, 2)).toBe(true);
  });

  it('replays the log that lies beside the snapshot', async () => {
    const folder = temporaryFolder();
    const snapshotPath = fileWith(folder, 'registry.json', snapshotOf({}));
    fileWith(folder, 'registry.json.wal', vectorBytes('wal_sample.bin'));
    const directory = join(folder, 'store');
    const report = await importInto(directory, { snapshotPath, acceptMissingChecksum: true });
    expect(report.log).toMatchObject({ path: `${snapshotPath}.wal`, stoppedAt: undefined, skipped: [] });
    expect(report.log?.applied).toBeGreaterThan(0);
    const without = await importInto(join(folder, 'without'), {
      snapshotPath,
      acceptMissingChecksum: true,
      withoutLog: true,
    });
    expect(without).toMatchObject({ log: undefined, nodes: 0 });
  });

  it('reads a log alone', async () => {
    const { file_b64: file } = vector<{ file_b64: string }>('wal.json');
    const logPath = fileWith(temporaryFolder(), 'registry.wal', Buffer.from(file, 'base64'));
    const state = await imported({ logPath });
    expect(state.nodes.keyCount).toBeGreaterThan(0);
    expect(state.networks.get(0)?.profile.name).toBe('backbone');
  });

  it('keeps the owner of a node that the log removed', async () => {
    const { records } = readOriginalLog(vectorBytes('wal_sample.bin'));
    const registered = records.filter((each) => each.kind === 'register' && each.nodeId === 7);
    const log = writeOriginalLog([...registered, { kind: 'deregister', sequence: 0, nodeId: 7 }]);
    const logPath = fileWith(temporaryFolder(), 'registry.wal', Buffer.concat([...log]));
    const { nodes } = await imported({ logPath });
    expect(nodes.slotOfOwner('alice@example.com')).toBe(nodes.slotOf(7));
    expect([nodes.liveCount, nodes.tombstoneCount]).toEqual([0, 1]);
  });
});

describe('what is refused, with nothing written', () => {
  async function refused(options: Parameters<typeof importInto>[1]) {
    const directory = join(temporaryFolder(), 'store');
    const error = await refusal(importInto(directory, options));
    expect(existsSync(directory)).toBe(false);
    return error;
  }

  it('a damaged snapshot, with the position', async () => {
    const cut = await refused({ snapshotPath: snapshotFile(golden.subarray(0, 2_000)) });
    expect(cut).toMatchObject({ code: 'ORIGINAL_SNAPSHOT_SYNTAX', details: { position: 2_000 } });
    const altered = golden.toString().replace('"next_node":12', '"next_node":13');
    expect((await refused({ snapshotPath: snapshotFile(altered) })).code).toBe('ORIGINAL_SNAPSHOT_CHECKSUM');
  });

  it('a snapshot of version 1 without checksum, unless that is accepted', async () => {
    const snapshotPath = snapshotFile(snapshotOf({}));
    const error = await refused({ snapshotPath });
    expect(error.code).toBe('IMPORT_CHECKSUM_MISSING');
    expect(error.hint).toContain('--accept-missing-checksum');
    expect((await imported({ snapshotPath, acceptMissingChecksum: true })).networks.size).toBe(1);
  });

  const { edge_cases: edgeCases } = vector<{ edge_cases: (WalCase & { error: boolean })[] }>('wal.json');
  it.each(edgeCases.filter(({ error }) => error))('a log that stops: $name', async ({ file_hex: hex }) => {
    const logPath = fileWith(temporaryFolder(), 'registry.wal', Buffer.from(hex, 'hex'));
    const error = await refused({ logPath });
    expect(error.code).toBe('IMPORT_LOG_STOPPED');
    expect(error.hint).toContain('--salvage');
    expect(error.details['position']).toBe(58);
    const directory = join(temporaryFolder(), 'store');
    const report = await importInto(directory, { logPath, salvage: true });
    expect(report.log?.stoppedAt !== undefined || report.log?.skipped.length === 1).toBe(true);
  });

  it('nothing at all, a missing file, and more identities than the limits allow', async () => {
    expect((await refused({})).code).toBe('IMPORT_NOTHING');
    await expect(
      importInto(join(temporaryFolder(), 'store'), { snapshotPath: '/nowhere/at/all' }),
    ).rejects.toThrow(/ENOENT/);
    const limits = { maxNodes: 1, maxTombstones: 1 };
    const error = await refused({ snapshotPath: snapshotFile(), limits });
    expect(error).toMatchObject({ code: 'IMPORT_TOO_LARGE', details: { identities: 4 } });
  });

  it('a directory that holds anything, be it a store or not', async () => {
    const folder = temporaryFolder();
    fileWith(folder, 'notes.txt', 'mine');
    const snapshotPath = snapshotFile();
    expect((await refusal(importInto(folder, { snapshotPath }))).code).toBe('IMPORT_TARGET');
    expect(readdirSync(folder)).toEqual(['notes.txt']);
    const directory = join(folder, 'store');
    mkdirSync(directory);
    await importInto(directory, { snapshotPath });
    expect((await refusal(importInto(directory, { snapshotPath }))).code).toBe('IMPORT_TARGET');
    expect((await checkStore(directory)).ok).toBe(true);
  });
});

describe('an import that is interrupted', () => {
  /** What a start finds after a crash: nothing yet, a store that does not open, or all of it. */
  async function findings(
    storage: FaultStorage,
    directory: string,
  ): Promise<'nothing' | 'refused' | Directory> {
    const state = new Directory(seededRandom(1), { maxNodes: 10, maxTombstones: 10 });
    try {
      const { log, report } = await openLog(
        {
          storage,
          clock: nowClock,
          timers: systemTimers,
          random: seededRandom(2),
          directory,
          onFatal: () => undefined,
        },
        restoreInto(state),
      );
      await log.close();
      return report.created && state.nodes.keyCount === 0 ? 'nothing' : state;
    } catch (error) {
      expect(error).toMatchObject({ code: 'STORE_INCOMPLETE' });
      return 'refused';
    }
  }

  it('leaves, after a crash at any moment, nothing, a store that does not open, or all of it', async () => {
    const directory = join(temporaryFolder(), 'store');
    const storage = new FaultStorage();
    const source = await storage.open('/registry.json', 'create');
    await source.write(0, golden);
    const before = storage.changes;
    await importInto(directory, {
      storage,
      snapshotPath: '/registry.json',
      limits: { maxNodes: 10, maxTombstones: 10 },
    });
    const whole = await findings(storage.restart(), directory);
    if (typeof whole === 'string') throw new Error(whole);
    const seen = new Set<string>();
    for (let count = before; count <= storage.changes; count++) {
      for (const data of ['lost', 'kept'] as const) {
        for (const names of ['lost', 'kept', 'random'] as const) {
          const disk = storage.diskAfter(count).crash({ data, names, random: seededRandom(count) });
          const found = await findings(new FaultStorage({ disk, record: false }), directory);
          seen.add(typeof found === 'string' ? found : 'all');
          if (typeof found !== 'string') expect(dumpDirectory(found)).toEqual(dumpDirectory(whole));
          if (count === storage.changes) expect(found).not.toBeTypeOf('string');
        }
      }
    }
    expect([...seen].sort()).toEqual(['all', 'nothing', 'refused']);
  });

  it('fails and leaves no store that opens, whichever write fails', async () => {
    const snapshot = async (storage: FaultStorage): Promise<void> => {
      const source = await storage.open('/registry.json', 'create');
      await source.write(0, golden);
    };
    const limits = { maxNodes: 10, maxTombstones: 10 };
    const healthy = new FaultStorage();
    await snapshot(healthy);
    await importInto(join(temporaryFolder(), 'store'), {
      storage: healthy,
      snapshotPath: '/registry.json',
      limits,
    });
    let failures = 0;
    for (let at = 3; at <= healthy.changes; at++) {
      const directory = join(temporaryFolder(), 'store');
      const storage = new FaultStorage({ faults: [{ at, code: 'ENOSPC' }] });
      await snapshot(storage);
      const outcome = await importInto(directory, { storage, snapshotPath: '/registry.json', limits }).then(
        () => 'done',
        () => 'failed',
      );
      const found = await findings(storage.restart(), directory);
      if (outcome === 'done') expect(found).not.toBeTypeOf('string');
      else if (typeof found !== 'string') expect(found.nodes.keyCount).toBe(3);
      failures += outcome === 'failed' ? 1 : 0;
    }
    expect(failures).toBeGreaterThan(10);
  });

  it('never comes back as an empty fleet, even when both snapshots are lost', async () => {
    const directory = join(temporaryFolder(), 'store');
    await importInto(directory, { snapshotPath: snapshotFile() });
    rmSync(join(directory, 'snapshots'), { recursive: true });
    const { log } = await checkStore(directory);
    expect(log).toMatchObject({ opens: false, recoverableSeq: undefined });
    const listen = { host: '127.0.0.1', port: 0 };
    for (const recover of [false, true]) {
      const error = await refusal(
        Registry.start({ listen, directory, recover, limits: { directory: smallLimits } }),
      );
      expect(error.code).toBe('LOG_GAP');
    }
  });

  it('falls back to the older snapshot', async () => {
    const directory = join(temporaryFolder(), 'store');
    await importInto(directory, { snapshotPath: snapshotFile() });
    const newest = readdirSync(join(directory, 'snapshots')).sort().at(-1) ?? '';
    fileWith(join(directory, 'snapshots'), newest, 'damaged');
    const registry = await Registry.start({
      listen: { host: '127.0.0.1', port: 0 },
      directory,
      recover: true,
      limits: { directory: smallLimits },
    });
    expect(registry.directory?.nodes.liveCount).toBe(3);
    await registry.stop();
  });
});
