import { recordingLogger, systemClock, systemRandom, systemTimers } from '@muster/core';
import { Identity } from '@muster/core/identity';
import { expect, onTestFinished, test } from 'vitest';
import { createPeerNetwork, type PeerNetwork } from '../../../src/host/index.ts';
import { eventually, SOON } from '../../support/libp2p-hosts.ts';
import { TestPolicy } from '../../support/test-policy.ts';

const P = '/test/policy/1.0.0';

async function start(policy?: TestPolicy): Promise<PeerNetwork> {
  const network = await createPeerNetwork({
    identity: Identity.generate(),
    listen: ['/ip4/127.0.0.1/tcp/0'],
    allowLoopback: true,
    dhtProtocol: '/gantry/kad/1.0.0',
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    logger: recordingLogger(),
    ...(policy !== undefined && { policy }),
  });
  onTestFinished(() => network.stop());
  await network.start();
  network.streams.serve(P, async (stream) => await stream.close());
  return network;
}

const targetOf = ({ streams }: PeerNetwork) => ({ id: streams.self, addresses: streams.addresses() });

test('who is refused is cut, and connects neither way until that changes', async () => {
  const policy = new TestPolicy();
  const [guarded, other] = [await start(policy), await start()];
  await (await other.streams.open(targetOf(guarded), [P], SOON)).close();
  policy.set(other.streams.self, 'refused');
  await eventually(() => guarded.streams.connectedPeers().length === 0);
  await eventually(() => other.streams.connectedPeers().length === 0);
  await expect(other.streams.open(targetOf(guarded), [P], SOON)).rejects.toThrow();
  await expect(guarded.streams.open(targetOf(other), [P], SOON)).rejects.toMatchObject({
    code: 'DIAL_FAILED',
  });
  policy.set(other.streams.self, 'unreachable');
  await expect(other.streams.open(targetOf(guarded), [P], SOON)).rejects.toThrow();
  policy.set(other.streams.self, 'allowed');
  const isLetIn = async (): Promise<boolean> => {
    try {
      await (await other.streams.open(targetOf(guarded), [P], SOON)).close();
      return true;
    } catch {
      return false;
    }
  };
  await expect.poll(isLetIn, { timeout: 20_000, interval: 20 }).toBe(true);
});

test('who has become a member a moment ago is let in at the first attempt', async () => {
  const policy = new TestPolicy();
  const [guarded, newcomer] = [await start(policy), await start()];
  policy.set(newcomer.streams.self, 'refused');
  policy.onReconsider = async (peer) => {
    await Promise.resolve();
    policy.set(peer, 'allowed');
  };
  await (await newcomer.streams.open(targetOf(guarded), [P], SOON)).close();
  expect(policy.reconsidered).toContain(newcomer.streams.self);
});
