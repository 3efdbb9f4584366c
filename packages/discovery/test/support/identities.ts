import { Identity } from '@muster/core/identity';
import type { PeerId } from '../../src/wire/messages.ts';

/** A key pair of its own for each number from 0 to 65535, the same in every run. */
export function testIdentity(number: number): Identity {
  const seed = new Uint8Array(32).fill(0x5a);
  seed[0] = number & 0xff;
  seed[1] = number >>> 8;
  return Identity.fromSeed(seed);
}

/** The peer id of {@link testIdentity}: a real one, so that it passes every check of messages and addresses. */
export function testPeer(number: number): PeerId {
  return testIdentity(number).peerId;
}
