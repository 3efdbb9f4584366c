/** S19, S20 and S24: strangers on the streams and sockets of one agent. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Target } from '../lab/coord-peers.ts';
import type { MirrorAgent } from '../lab/fleet.ts';
import { PeersProgram } from '../lab/programs.ts';
import { slowLoris } from '../lab/slow-loris.ts';
import type { Laboratory } from './laboratory.ts';
import { count, type Scenario, seconds } from './scenario.ts';

/** Below what one peer may hold (128), so that only the limit of all counts. */
const STREAMS_OF_A_PEER = 125;
const HELD_MAX = 512;
const MIB = 1_048_576;
const VECTORS = join(
  import.meta.dirname,
  '../../../packages/coordination/test/vectors/coordination/envelope.json',
);

/** Where the peer network of an agent is reached. */
export function targetOf({ peerId, addresses }: MirrorAgent): Target {
  return { peerId, addresses: addresses.map((address) => address.replace(/\/p2p\/[^/]+$/, '')) };
}

async function withPeers<T>(peerCount: number, work: (peers: PeersProgram) => Promise<T>): Promise<T> {
  const peers = await PeersProgram.start(peerCount);
  try {
    return await work(peers);
  } finally {
    await peers[Symbol.asyncDispose]();
  }
}

async function oneAgent(lab: Laboratory): Promise<MirrorAgent> {
  return (await lab.fleet(1)).at(0);
}

const flood: Scenario = {
  id: 'S19',
  title: 'a thousand streams that say nothing, at once',
  expects: { unlike_limit: { atMost: 0 }, memory: { atMost: 64 } },
  run: async (lab) => {
    const agent = await oneAgent(lab);
    const target = targetOf(agent);
    const streams = 8 * STREAMS_OF_A_PEER;
    return await withPeers(8, async (peers) => {
      const before = agent.figures().residentBytes;
      const run = await peers.flood(target, streams);
      const grown = (agent.figures().residentBytes - before) / MIB;
      const errors = (await agent.metrics()).sum('p2p_coord_stream_error_total');
      const note = `of ${streams}, 8 peers; ${run.refused} refused, ${errors} counted as errors`;
      return {
        served: count(run.served, note, 'streams'),
        unlike_limit: count(
          Math.abs(run.served - HELD_MAX),
          `streams more or fewer than ${HELD_MAX}`,
          'streams',
        ),
        memory: count(grown, 'resident memory of the agent, after less before', 'MiB'),
      };
    });
  },
};

const loris: Scenario = {
  id: 'S20',
  title: 'strangers that begin to ask and stop: streams, mirror, transfer',
  // 5 s, and what a busy machine needs to notice.
  expects: { coordination: { atMost: 6 }, mirror: { atMost: 6 }, transfer: { atMost: 6 } },
  run: async (lab) => {
    const agent = await oneAgent(lab);
    const target = targetOf(agent);
    return await withPeers(1, async (peers) => {
      const [coordination, mirror, transfer] = await Promise.all([
        peers.silentStream(target),
        slowLoris(agent.mirror),
        slowLoris(`http://${agent.transfer}`),
      ]);
      const note = 'from the opening to the end that the agent makes';
      return {
        coordination: seconds(coordination, note),
        mirror: seconds(mirror, note),
        transfer: seconds(transfer, note),
      };
    });
  },
};

interface FrameVector {
  readonly name: string;
  readonly frame_hex: string;
}

interface EnvelopeVectors {
  readonly canonical: readonly (FrameVector & { readonly direction: string; readonly message: object })[];
  readonly tolerated_on_receive: readonly (FrameVector & { readonly decodes_to: object })[];
  readonly rejected: readonly {
    readonly received_by: string;
    readonly frame_hex?: string | null;
  }[];
}

const replay: Scenario = {
  id: 'S24',
  title: 'frames that the original encoded, over a real stream',
  expects: { unlike: { atMost: 0 }, answered_rejects: { atMost: 0 }, uncounted_rejects: { atMost: 0 } },
  run: async (lab) => {
    const vectors = JSON.parse(readFileSync(VECTORS, 'utf8')) as EnvelopeVectors;
    const agent = await oneAgent(lab);
    const target = targetOf(agent);
    const requests = vectors.canonical.filter(({ message }) => 'pull_intent_request' in message);
    const asked = new Map(requests.map((vector) => [JSON.stringify(vector.message), vector.frame_hex]));
    const tolerated = vectors.tolerated_on_receive.filter(({ decodes_to }) =>
      asked.has(JSON.stringify(decodes_to)),
    );
    const rejected = vectors.rejected.filter(
      // Some are too long to be written out, and one is no frame at all.
      ({ received_by, frame_hex }) => received_by === 'server' && (frame_hex ?? '') !== '',
    );
    return await withPeers(1, async (peers) => {
      const answers = await peers.replay(target, [...asked.values()]);
      const again = await peers.replay(
        target,
        tolerated.map(({ frame_hex }) => frame_hex),
      );
      const messages = [...asked.keys()];
      const unlike = tolerated.filter(
        ({ decodes_to }, index) => answers[messages.indexOf(JSON.stringify(decodes_to))] !== again[index],
      ).length;
      const closed = answers.filter((answer) => answer === 'closed').length;
      const before = (await agent.metrics()).sum('p2p_coord_stream_error_total');
      const refused = await peers.replay(
        target,
        rejected.map(({ frame_hex }) => frame_hex ?? ''),
      );
      const counted = (await agent.metrics()).sum('p2p_coord_stream_error_total') - before;
      const answered = refused.filter((answer) => answer !== 'closed').length;
      return {
        unlike: count(
          unlike + closed,
          `of ${asked.size} requests and ${tolerated.length} variants`,
          'answers',
        ),
        answered_rejects: count(answered, `of ${rejected.length} frames that must be refused`, 'frames'),
        uncounted_rejects: count(Math.abs(rejected.length - counted), 'each is one stream error', 'frames'),
      };
    });
  },
};

export const PROTOCOL: readonly Scenario[] = [flood, loris, replay];
