import type { GossipSub } from '@libp2p/gossipsub';
import { silentLogger, systemTimers } from '@muster/core';
import { expect, test } from 'vitest';
import { Libp2pGossip } from '../../../src/overlay/libp2p/gossip.ts';
import type { GossipMessage, GossipVerdict } from '../../../src/overlay/overlay.ts';
import { eventually, SOON, startHosts, type TestHost } from '../../support/libp2p-hosts.ts';

const TOPIC = 'oc-search-peer';

/** What one member has heard; `warm` messages, which only show that the mesh stands, are left out. */
interface Ear {
  readonly heard: string[];
  isWarm: boolean;
}

function listenOn(host: TestHost, judge: (message: GossipMessage) => GossipVerdict = () => 'accept'): Ear {
  const ear: Ear = { heard: [], isWarm: false };
  host.overlay.gossip.subscribe(TOPIC, {
    validate: (message) => (textOf(message) === 'warm' ? 'accept' : judge(message)),
    deliver: (message) => {
      if (textOf(message) === 'warm') ear.isWarm = true;
      else ear.heard.push(`${message.from} ${textOf(message)}`);
    },
  });
  return ear;
}

const textOf = ({ data }: GossipMessage): string => Buffer.from(data).toString();

/** Connects each host with the one before it, and waits until every message reaches everybody. */
async function connectInLine(hosts: readonly TestHost[], ears: readonly Ear[]): Promise<void> {
  for (const [index, host] of hosts.entries()) {
    if (index > 0) await host.overlay.echo(hosts[index - 1]!.info, 1, SOON);
  }
  await warm(hosts, ears);
}

async function warm(hosts: readonly TestHost[], ears: readonly Ear[]): Promise<void> {
  const [first] = hosts;
  await expect
    .poll(
      async () => {
        await first!.overlay.gossip.publish(TOPIC, Buffer.from('warm'));
        return ears.slice(1).every((ear) => ear.isWarm);
      },
      { timeout: 30_000, interval: 100 },
    )
    .toBe(true);
}

test('fourteen members behind one address hear every message, once', async () => {
  const hosts = await startHosts(14);
  const ears = hosts.map((host) => listenOn(host));
  const [first, ...others] = hosts;
  for (const { overlay } of others) await overlay.echo(first!.info, 1, SOON);
  await warm(hosts, ears);
  const author = hosts[5]!;
  const texts = Array.from({ length: 20 }, (_, index) => String(index));
  await Promise.all(texts.map((text) => author.overlay.gossip.publish(TOPIC, Buffer.from(text))));
  await eventually(() => ears.every((ear, index) => index === 5 || ear.heard.length >= texts.length));
  const expected = texts.map((text) => `${author.overlay.self} ${text}`).toSorted();
  for (const [index, ear] of ears.entries()) {
    expect(ear.heard.toSorted(), `member ${index}`).toEqual(index === 5 ? [] : expected);
  }
}, 40_000);

test('publishes of one process keep their order', async () => {
  const hosts = await startHosts(2);
  const ears = hosts.map((host) => listenOn(host));
  await connectInLine(hosts, ears);
  const texts = Array.from({ length: 100 }, (_, index) => String(index));
  await Promise.all(texts.map((text) => hosts[0]!.overlay.gossip.publish(TOPIC, Buffer.from(text))));
  await eventually(() => ears[1]!.heard.length === texts.length);
  expect(ears[1]!.heard).toEqual(texts.map((text) => `${hosts[0]!.overlay.self} ${text}`));
});

test('a publish starts when the one before is over, also when that failed', async () => {
  const started: string[] = [];
  const endings: PromiseWithResolvers<void>[] = [];
  const service = {
    addEventListener: () => undefined,
    publish: (_topic: string, data: Uint8Array) => {
      started.push(Buffer.from(data).toString());
      const ending = Promise.withResolvers<void>();
      endings.push(ending);
      return ending.promise;
    },
  };
  const gossip = new Libp2pGossip(service as unknown as GossipSub, silentLogger);
  const publishes = ['a', 'b', 'c'].map((text) => gossip.publish(TOPIC, Buffer.from(text)));
  await eventually(() => started.length === 1);
  await systemTimers.yield();
  expect(started).toEqual(['a']);
  endings[0]!.resolve();
  await publishes[0];
  await eventually(() => started.length === 2);
  endings[1]!.reject(new Error('no'));
  await expect(publishes[1]).rejects.toMatchObject({ code: 'GOSSIP_FAILED' });
  await eventually(() => started.length === 3);
  endings[2]!.resolve();
  await publishes[2];
  expect(started).toEqual(['a', 'b', 'c']);
});

test('validators decide what is delivered and forwarded', async () => {
  const hosts = await startHosts(3);
  const judged: GossipMessage[] = [];
  const ears = hosts.map((host, index) =>
    listenOn(host, (message) => {
      if (index !== 1) return 'accept';
      judged.push(message);
      return textOf(message).startsWith('good') ? 'accept' : 'ignore';
    }),
  );
  await connectInLine(hosts, ears);
  const { gossip, self } = hosts[0]!.overlay;
  for (const text of ['bad one', 'good one', 'bad two', 'good two']) {
    await gossip.publish(TOPIC, Buffer.from(text));
  }
  await eventually(() => ears[2]!.heard.length === 2);
  expect(ears[1]!.heard).toEqual([`${self} good one`, `${self} good two`]);
  expect(ears[2]!.heard).toEqual([`${self} good one`, `${self} good two`]);
  expect(judged.map((message) => ({ ...message, data: textOf(message) }))[0]).toEqual({
    topic: TOPIC,
    from: self,
    data: 'bad one',
  });
});

test('rejected messages count against who forwards them, until he is not heard any more', async () => {
  const hosts = await startHosts(2);
  const ears = hosts.map((host) =>
    listenOn(host, (message) => (textOf(message) === 'ok' ? 'accept' : 'reject')),
  );
  await connectInLine(hosts, ears);
  const { gossip } = hosts[0]!.overlay;
  // Long good conduct is no credit for what comes then.
  for (let index = 0; index < 50; index += 1) await gossip.publish(TOPIC, Buffer.from('ok'));
  await eventually(() => ears[1]!.heard.length === 50);
  for (let index = 0; index < 10; index += 1) await gossip.publish(TOPIC, Buffer.from(`bad ${index}`));
  // Who has been good is listened to for another second.
  await expect
    .poll(
      async () => {
        const before = ears[1]!.heard.length;
        await gossip.publish(TOPIC, Buffer.from('ok'));
        await hosts[0]!.overlay.echo(hosts[1]!.info, 1, SOON);
        return ears[1]!.heard.length === before;
      },
      { timeout: 20_000, interval: 200 },
    )
    .toBe(true);
});

test('a validator that throws blames nobody, and is logged', async () => {
  const hosts = await startHosts(2);
  const ears = hosts.map((host, index) =>
    listenOn(host, (message) => {
      if (index === 1 && textOf(message) === 'boom') throw new Error('broken validator');
      return 'accept';
    }),
  );
  await connectInLine(hosts, ears);
  const { gossip, self } = hosts[0]!.overlay;
  await gossip.publish(TOPIC, Buffer.from('boom'));
  await gossip.publish(TOPIC, Buffer.from('after'));
  await eventually(() => ears[1]!.heard.length === 1);
  expect(ears[1]!.heard).toEqual([`${self} after`]);
  expect(hosts[1]!.log.filter(({ level }) => level === 'error')).toHaveLength(1);
});

test('nothing is kept of peers that have gone, even if they went while their streams were opened', () => {
  const peers = new Map([
    ['gone', 'id of gone'],
    ['here', 'id of here'],
  ]);
  const left: unknown[] = [];
  const service = {
    addEventListener: () => undefined,
    peers,
    streamsInbound: new Map([['here', 1]]),
    streamsOutbound: new Map([
      ['late', 1],
      ['here', 1],
      ['gone', 1],
    ]),
    onPeerDisconnected: (id: string) => left.push(id),
  };
  const gossip = new Libp2pGossip(service as unknown as GossipSub, silentLogger);
  gossip.forgetGone((peer) => peer === 'here');
  expect(left).toEqual(['id of gone']);
  expect([...service.streamsOutbound.keys()]).toEqual(['here']);
  expect([...service.streamsInbound.keys()]).toEqual(['here']);
});

test('messages have a limit; topics are left', async () => {
  const hosts = await startHosts(2);
  const ears = hosts.map((host) => listenOn(host));
  await connectInLine(hosts, ears);
  const { gossip } = hosts[0]!.overlay;
  await expect(gossip.publish(TOPIC, new Uint8Array(16_385))).rejects.toMatchObject({
    code: 'GOSSIP_FAILED',
  });
  await gossip.publish(TOPIC, new Uint8Array(16_384).fill(0x61));
  await eventually(() => ears[1]!.heard.length === 1);
  hosts[1]!.overlay.gossip.unsubscribe(TOPIC);
  hosts[1]!.overlay.gossip.unsubscribe('never joined');
  await gossip.publish(TOPIC, Buffer.from('nobody hears this'));
  await hosts[0]!.overlay.echo(hosts[1]!.info, 1, SOON);
  expect(ears[1]!.heard).toHaveLength(1);
});
