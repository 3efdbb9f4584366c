import { createHash } from 'node:crypto';
import type { PeerInfo } from '@libp2p/interface';
import type { QueryEvent } from '@libp2p/kad-dht';
import { peerIdFromString } from '@libp2p/peer-id';
import { systemClock, systemTimers } from '@muster/core';
import { Identity } from '@muster/core/identity';
import { CID } from 'multiformats/cid';
import { create } from 'multiformats/hashes/digest';
import { expect, test } from 'vitest';
import {
  announce,
  findProviders,
  MISS_ANSWERS,
  newAnswerTimes,
  type TableParts,
  type WalkHost,
} from '../../../src/overlay/libp2p/provider-walk.ts';

const KEY = CID.createV1(0x55, create(0x12, createHash('sha256').update('object').digest()));
const sha = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

interface Member {
  readonly info: PeerInfo;
  /** Distance from the key. */
  readonly distance: Buffer;
}

function memberOf(): Member {
  const id = peerIdFromString(Identity.generate().peerId);
  const target = sha(KEY.multihash.bytes);
  const place = sha(id.toMultihash().bytes);
  return { info: { id, multiaddrs: [] }, distance: place.map((byte, at) => byte ^ target[at]!) as Buffer };
}

/** A fleet whose members all know one another, nearest to the key first, and what was asked of whom. */
class Fleet {
  readonly self = memberOf();
  readonly members = Array.from({ length: 40 }, memberOf).toSorted((a, b) =>
    Buffer.compare(a.distance, b.distance),
  );
  readonly asked: number[] = [];
  readonly told: number[] = [];
  readonly removed: number[] = [];
  readonly local: PeerInfo[] = [];
  /** Whom we know at first. */
  known: readonly number[] = [30, 31, 32];
  answers: (index: number) => readonly PeerInfo[] | 'silence' | 'failure' = () => [];

  readonly host: WalkHost = {
    self: this.self.info.id,
    timers: systemTimers,
    clock: systemClock,
    answers: newAnswerTimes(),
    addresses: () => [],
    forgetUnreachable: async (peer) => void this.removed.push(this.#indexOf(peer)),
    infoOf: async (peer) => this.local.find(({ id }) => id.equals(peer)),
  };

  readonly table = {
    routingTable: {
      closestPeers: () => this.known.map((index) => this.members[index]!.info.id),
    },
    providers: {
      addProvider: async (_: CID, peer: PeerInfo['id']) => void this.local.push({ id: peer, multiaddrs: [] }),
      getProviders: async () => this.local.map(({ id }) => id),
    },
    network: {
      sendRequest: (to: PeerInfo['id'], _: unknown, { signal }: { signal: AbortSignal }) =>
        this.#request(this.#indexOf(to), signal),
      sendMessage: (to: PeerInfo['id']) => this.#message(this.#indexOf(to)),
    },
  } as unknown as TableParts;

  find(options: Partial<Parameters<typeof findProviders>[3]> = {}): Promise<readonly PeerInfo[]> {
    const signal = new AbortController().signal;
    return findProviders(this.host, this.table, KEY, { count: 20, graceMs: 1, signal, ...options });
  }

  #indexOf(peer: PeerInfo['id']): number {
    return this.members.findIndex(({ info }) => info.id.equals(peer));
  }

  async *#request(index: number, signal: AbortSignal): AsyncGenerator<QueryEvent> {
    this.asked.push(index);
    const providers = this.answers(index);
    if (providers === 'silence') {
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    }
    if (typeof providers === 'string') throw new Error('no answer');
    const closer = this.members.slice(0, 20).map(({ info }) => info);
    yield { name: 'PEER_RESPONSE', providers, closer } as unknown as QueryEvent;
  }

  async *#message(index: number): AsyncGenerator<QueryEvent> {
    this.told.push(index);
    yield { name: 'PEER_RESPONSE' } as unknown as QueryEvent;
  }
}

const first = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const sorted = (numbers: readonly number[]): number[] => numbers.toSorted((a, b) => a - b);

test('a search for what nobody has ends when the nearest have said so', async () => {
  const fleet = new Fleet();
  expect(await fleet.find()).toEqual([]);
  const [strangers, nearest] = [
    fleet.asked.filter((index) => index >= 30),
    fleet.asked.filter((index) => index < 30),
  ];
  expect(sorted(nearest)).toEqual(first(MISS_ANSWERS));
  expect(strangers.length).toBeLessThanOrEqual(3);
});

test('providers that one of the nearest knows are found', async () => {
  const fleet = new Fleet();
  const provider = memberOf().info;
  fleet.answers = (index) => (index === 4 ? [provider] : []);
  expect(await fleet.find()).toEqual([provider]);
});

test('records that lie here are enough, without a question', async () => {
  const fleet = new Fleet();
  fleet.local.push(...Array.from({ length: 4 }, () => memberOf().info));
  expect(await fleet.find()).toEqual(fleet.local);
  expect(fleet.asked).toEqual([]);
});

test('that we have it ourselves is told, and others are looked for all the same', async () => {
  const fleet = new Fleet();
  fleet.local.push(fleet.self.info);
  const provider = memberOf().info;
  fleet.answers = () => [provider];
  expect(await fleet.find()).toEqual([fleet.self.info, provider]);
});

test('peers that fail or are silent are passed over and leave the table', async () => {
  const fleet = new Fleet();
  const provider = memberOf().info;
  fleet.known = first(10);
  fleet.answers = (index) =>
    index < 2 ? 'failure' : index === 2 ? 'silence' : index === 6 ? [provider] : [];
  expect(await fleet.find()).toEqual([provider]);
  expect(sorted(fleet.removed)).toEqual(expect.arrayContaining([0, 1]));
});

test('a search that nobody answers ends with the signal, and with its reason', async () => {
  const fleet = new Fleet();
  fleet.answers = () => 'silence';
  const end = new AbortController();
  const search = fleet.find({ signal: end.signal });
  await expect.poll(() => fleet.asked.length).toBe(3);
  end.abort(new Error('time is over'));
  await expect(search).rejects.toThrow('time is over');
});

test('an announcement goes to the twenty nearest, after few questions', async () => {
  const fleet = new Fleet();
  const told = await announce(fleet.host, fleet.table, KEY, new AbortController().signal);
  expect(told).toBe(20);
  expect(sorted(fleet.told)).toEqual(first(20));
  expect(fleet.asked.length).toBeLessThanOrEqual(6);
  expect(fleet.local.map(({ id }) => id.toString())).toEqual([fleet.self.info.id.toString()]);
});

test('an answer that names thousands of peers costs no more than others', async () => {
  const fleet = new Fleet();
  const invented = Array.from({ length: 3_000 }, () => memberOf().info);
  fleet.table.network.sendRequest = async function* flood() {
    yield { name: 'PEER_RESPONSE', providers: [], closer: invented } as unknown as QueryEvent;
  };
  expect(await fleet.find()).toEqual([]);
});
