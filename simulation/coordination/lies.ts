/** Peers that lie on the coordination protocol: what they answer instead of what is so. */

import {
  decodeEnvelope,
  encodeEnvelope,
  encodeFrame,
  type Envelope,
  FrameReader,
  PROTOCOL_ID,
  PROTOCOL_ID_1_1,
} from '@muster/coordination';
import type { PeerStream } from '@muster/core';
import type { SimAgent } from './sim-agent.ts';

export type CoordLie =
  /** Has everything. */
  | 'has-it'
  /** Pulls everything, without end; `growing`: and makes progress. */
  | 'pulls-for-ever'
  | 'growing'
  /** Answers with bytes that mean nothing. */
  | 'garbage'
  /** Takes requests and never answers. */
  | 'silent';

const LIMIT = { timeoutMs: 5_000 };
const STARTED = 2;

/** Has the agent lie to all that ask it from now on, until it is restarted. */
export function lieTo(agent: SimAgent, lie: CoordLie): void {
  const serve = async (stream: PeerStream): Promise<void> => {
    const request = await readRequest(stream);
    if (request === undefined || lie === 'silent') return;
    const answer =
      lie === 'garbage'
        ? agent.process.random.bytes(64)
        : encodeFrame(encodeEnvelope(answerOf(request, lie, agent)));
    await stream.write(answer, LIMIT);
    await stream.close();
  };
  for (const protocol of [PROTOCOL_ID, PROTOCOL_ID_1_1]) agent.peers.serve(protocol, serve);
}

async function readRequest(stream: PeerStream): Promise<Envelope | undefined> {
  const reader = new FrameReader();
  for (;;) {
    const chunk = await stream.read(LIMIT);
    if (chunk === undefined) return undefined;
    const payload = reader.push(chunk);
    if (payload !== undefined) return decodeEnvelope(payload);
  }
}

function answerOf(request: Envelope, lie: CoordLie, agent: SimAgent): Envelope {
  const now = agent.process.now();
  const seconds = Math.floor(now / 1_000);
  if (request.type === 'please_pull_request') {
    const results = request.message.digests.map((digest) => ({
      digest,
      outcome: STARTED,
      startedAt: { seconds, nanos: 0 },
      cooldownUntil: undefined,
      failureClass: 0,
    }));
    return { type: 'please_pull_response', message: { results } };
  }
  const isPulling = lie !== 'has-it';
  return {
    type: 'pull_intent_response',
    message: {
      hasCached: !isPulling,
      inFlight: isPulling,
      startedAt: isPulling ? { seconds: lie === 'growing' ? seconds - 600 : seconds, nanos: 0 } : undefined,
      hrwRank: 0,
      recentlyFailed: false,
      cooldownUntil: undefined,
      failureClass: 0,
      progressBytes: lie === 'growing' ? now % 1_000_000_000 : undefined,
      totalBytes: lie === 'growing' ? 1_000_000_000 : undefined,
    },
  };
}
