import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileStorage, systemTimers } from '@muster/core';
import { seededRandom } from '@muster/core/testing';
import { describe, expect, it } from 'vitest';
import { checkStore, lockStore } from '../../src/index.ts';
import { openLog } from '../../src/log/index.ts';
import { applyEvent } from '../../src/model/apply.ts';
import { Directory } from '../../src/model/directory.ts';
import { encodeEvent, type RegistryEvent } from '../../src/model/events.ts';
import { type SnapshotBlock, SnapshotCapture } from '../../src/model/snapshot.ts';
import { TrustBit } from '../../src/model/trust-graph.ts';
import { encodeLastSeen, saveLastSeen } from '../../src/service/last-seen-file.ts';
import { nowClock, refusal, temporaryFolder } from './original-support.ts';

const options = { limits: { maxNodes: 100, maxTombstones: 100 } };
const key = (fill: number): string => Buffer.alloc(32, fill).toString('base64');

/** Node 1 and node 2, both members of network 1, and trusting one another. */
function smallDirectory(): Directory {
  const state = new Directory(seededRandom(3), options.limits);
  const events: RegistryEvent[] = [
    { type: 'node.registered', id: 1, key: key(1), at: 100, hostname: 'one' },
    { type: 'node.registered', id: 2, key: key(2), at: 100 },
    { type: 'network.created', id: 1, name: 'net', joinRule: 'open', enterprise: false, creator: 1, at: 100 },
    { type: 'network.joined', network: 1, node: 2, role: 'member' },
    { type: 'trust.reported', by: 1, peer: 2 },
    { type: 'trust.reported', by: 2, peer: 1 },
  ];
  for (const [index, event] of events.entries()) applyEvent(state, event, index + 1);
  return state;
}

/** Writes a store whose snapshot is this state, or these blocks, and answers its directory. */
async function storeOf(state: Directory, blocks?: Iterable<SnapshotBlock>): Promise<string> {
  const directory = join(temporaryFolder(), 'store');
  const { log } = await openLog(
    {
      storage: fileStorage,
      clock: nowClock,
      timers: systemTimers,
      random: seededRandom(4),
      directory,
      onFatal: () => undefined,
    },
    { snapshotBlock: () => undefined, record: () => undefined },
  );
  const { type, payload } = encodeEvent({ type: 'settings.identity_webhook', url: '' });
  const seq = log.appendOne(type, payload);
  const capture = new SnapshotCapture(state, 1);
  await log.writeSnapshot({ seq, blocks: blocks ?? capture.blocks() });
  capture.end();
  await log.close();
  return directory;
}

function snapshotPath(directory: string): string {
  const folder = join(directory, 'snapshots');
  return join(folder, readdirSync(folder)[0] ?? '');
}

describe('a check of a store', () => {
  it('counts what a good one holds, and changes nothing', async () => {
    const state = smallDirectory();
    state.carried = { term: 3 };
    const directory = await storeOf(state);
    await saveLastSeen(fileStorage, join(directory, 'last-seen'), lastSeenOf(state));
    const before = contentOf(directory);
    const report = await checkStore(directory, undefined, options);
    expect(report).toMatchObject({ ok: true, contentsError: undefined, lastSeen: 'good' });
    expect(report.contents).toEqual({
      nodes: 2,
      tombstones: 0,
      networks: 2,
      memberships: 2,
      trustPairs: 1,
      carried: ['term'],
      inconsistencyCount: 0,
      inconsistencies: [],
    });
    expect(contentOf(directory)).toEqual(before);
  });

  it.each<[string, (state: Directory) => void, RegExp]>([
    [
      'a member that does not know of its network',
      (state) => {
        const slot = state.nodes.slotOf(2);
        state.nodes.setProfile(slot, { ...state.nodes.profile(slot), networks: [0] });
      },
      /network 1: member 2 does not know of it/,
    ],
    [
      'a node that its network does not list',
      (state) => {
        state.networks.get(1)?.remove(2);
      },
      /node 2: network 1 does not list it/,
    ],
    [
      'a node in a network that does not exist',
      (state) => {
        const slot = state.nodes.slotOf(2);
        state.nodes.setProfile(slot, { ...state.nodes.profile(slot), networks: [0, 1, 77] });
      },
      /node 2: network 77 does not list it/,
    ],
    [
      'a member that nobody knows',
      (state) => {
        state.networks.get(1)?.add(55, 'member');
      },
      /network 1: member 55 is unknown/,
    ],
    [
      'a role without membership',
      (state) => {
        state.networks.get(1)?.roles.set(66, 'owner');
      },
      /network 1: node 66 has a role and is no member/,
    ],
    [
      'trust in a stranger',
      (state) => state.trust.add(1, 99, TrustBit.accepted, 1),
      /trust between 1 and 99/,
    ],
    [
      'one key for two nodes',
      (state) => {
        state.nodes.setLive(state.nodes.insert(3, Buffer.alloc(32, 1)), true, 0);
        const slot = state.nodes.slotOf(3);
        state.nodes.setProfile(slot, { ...state.nodes.profile(slot), networks: [0] });
      },
      /node 3: its key leads to node 1/,
    ],
  ])('finds %s', async (_name, plant, text) => {
    const state = smallDirectory();
    plant(state);
    const report = await checkStore(await storeOf(state), undefined, options);
    expect(report.ok).toBe(false);
    expect(report.log.ok).toBe(true);
    expect(report.contents?.inconsistencyCount).toBe(1);
    expect(report.contents?.inconsistencies).toEqual([expect.stringMatching(text)]);
  });

  it('finds damage in a snapshot, and does not judge contents then', async () => {
    const directory = await storeOf(smallDirectory());
    const path = snapshotPath(directory);
    const bytes = readFileSync(path);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    const report = await checkStore(directory, undefined, options);
    expect(report).toMatchObject({ ok: false, contents: undefined, log: { opens: false } });
    expect(report.log.problems).toMatchObject([{ code: 'SNAPSHOT_CORRUPT', file: path, fatal: true }]);
    expect(report.log.advice).not.toEqual([]);
  });

  it('tells intact files with contents that mean nothing', async () => {
    const block = { kind: 200, bytes: Buffer.from('?') };
    const report = await checkStore(await storeOf(smallDirectory(), [block]), undefined, options);
    expect(report).toMatchObject({ ok: false, contents: undefined, log: { ok: true } });
    expect(report.contentsError?.message).toContain('unknown kind 200');
  });

  it('tells damaged times of the last signs of life', async () => {
    const directory = await storeOf(smallDirectory());
    writeFileSync(join(directory, 'last-seen'), 'nonsense');
    const report = await checkStore(directory, undefined, options);
    expect(report).toMatchObject({ ok: false, lastSeen: 'damaged', log: { ok: true } });
    expect(report.contents?.inconsistencyCount).toBe(0);
  });

  it('refuses a store that is in use, and a directory that is none', async () => {
    const directory = await storeOf(smallDirectory());
    const lock = await lockStore(directory);
    const error = await refusal(checkStore(directory, undefined, options));
    expect(error.code).toBe('STORE_LOCKED');
    expect(error.hint).toContain('muster registry backup');
    await lock.release();
    expect((await checkStore(directory, undefined, options)).ok).toBe(true);
    const empty = join(temporaryFolder(), 'empty');
    expect((await refusal(checkStore(empty))).code).toBe('STORE_NOT_FOUND');
    mkdirSync(empty);
    expect((await refusal(checkStore(empty))).code).toBe('STORE_NOT_FOUND');
    expect(readdirSync(empty)).toEqual([]);
  });
});

function lastSeenOf(state: Directory): Uint8Array {
  const steps = encodeLastSeen(state.nodes);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Everything in a directory but the lock. */
function contentOf(directory: string): Record<string, string> {
  const content: Record<string, string> = {};
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && !entry.name.startsWith('LOCK'))
      content[path] = readFileSync(path).toString('base64');
  }
  return content;
}
