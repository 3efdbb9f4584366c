/** The single lies, as changes to frames (discovery spec 26 F9, F10; 30 M-06). Roles are made of them. */

import { createHash } from 'node:crypto';
import { canonicalJson } from '@muster/core/identity';
import type { RecordCrypto } from '../records/record-crypto.ts';
import type {
  AddrInfo,
  GetResponse,
  HeartbeatResponse,
  IndexerCandidatesResponse,
  IndexerRecord,
  PeerId,
  WitnessReport,
  WitnessRequest,
} from '../wire/messages.ts';
import { PROTOCOLS } from '../wire/protocols.ts';
import { formatTime } from '../wire/time.ts';
import type { OutgoingFrame, Tamper } from './tampered-overlay.ts';

/** Peers whose answers are counted; beyond that the counting begins anew. */
const MAX_BELIEVERS = 10_000;

/** Applies several lies, one after the other. */
export function allOf(...tampers: readonly Tamper[]): Tamper {
  return {
    outgoing: (frame) => {
      let message: object | undefined = frame.message;
      for (const { outgoing } of tampers) {
        if (message === undefined) return undefined;
        if (outgoing !== undefined) message = outgoing({ ...frame, message });
      }
      return message;
    },
    incoming: (frame) => {
      let { value } = frame;
      for (const { incoming } of tampers) if (incoming !== undefined) value = incoming({ ...frame, value });
      return value;
    },
    ...(tampers.some(({ put }) => put !== undefined) && {
      put: (key: string, value: Uint8Array) =>
        tampers.reduce((bytes, { put }) => put?.(key, bytes) ?? bytes, value),
    }),
  };
}

/** Applies a lie only while it is on. */
export function onlyWhile(isOn: () => boolean, tamper: Tamper): Tamper {
  const { put } = tamper;
  return {
    outgoing: (frame) => (isOn() && tamper.outgoing !== undefined ? tamper.outgoing(frame) : frame.message),
    incoming: (frame) => (isOn() && tamper.incoming !== undefined ? tamper.incoming(frame) : frame.value),
    ...(put !== undefined && { put: (key: string, value: Uint8Array) => (isOn() ? put(key, value) : value) }),
  };
}

/** Tells the truth in the first answers to each peer, and lies to it from then on: who is believed first does more harm. */
export function onceBelieved(answers: number, tamper: Tamper): Tamper {
  const told = new Map<PeerId, number>();
  const count = (peer: PeerId): void => {
    if (told.size >= MAX_BELIEVERS && !told.has(peer)) told.clear();
    told.set(peer, (told.get(peer) ?? 0) + 1);
  };
  const isBelieved = (peer: PeerId): boolean => (told.get(peer) ?? 0) > answers;
  const { put } = tamper;
  return {
    outgoing: (frame) => {
      if (isHeartbeatAnswer(frame) && !isBelieved(frame.to)) count(frame.to);
      return isBelieved(frame.to) && tamper.outgoing !== undefined ? tamper.outgoing(frame) : frame.message;
    },
    incoming: (frame) =>
      isBelieved(frame.from) && tamper.incoming !== undefined ? tamper.incoming(frame) : frame.value,
    ...(put !== undefined && { put }),
  };
}

function isHeartbeatAnswer({ protocol, isAnswer, message }: OutgoingFrame): boolean {
  return protocol === PROTOCOLS.heartbeat && isAnswer && 'fill_rate' in message;
}

/** Changes heartbeat answers. */
function answering(
  change: (response: HeartbeatResponse, frame: OutgoingFrame) => object | undefined,
): Tamper {
  return {
    outgoing: (frame) =>
      isHeartbeatAnswer(frame) ? change(frame.message as HeartbeatResponse, frame) : frame.message,
  };
}

/** Takes heartbeats and never answers. */
export function silence(): Tamper {
  return {
    outgoing: (frame) =>
      frame.protocol === PROTOCOLS.heartbeat && frame.isAnswer ? undefined : frame.message,
  };
}

/** M-06 a: says of everybody, the asker too, that it does not know them. */
export function denial(): Tamper {
  return answering((response) =>
    response.challenges === undefined
      ? response
      : { ...response, challenges: response.challenges.map(({ peer_id }) => ({ peer_id, found: false })) },
  );
}

/** M-06 b: finds nothing in the DHT. */
export function noDht(): Tamper {
  return allOf(
    answering(({ dht_payload: _payload, dht_busy: _busy, ...response }) =>
      'dht_found' in response ? { ...response, dht_found: false } : response,
    ),
    {
      outgoing: ({ protocol, isAnswer, message }) =>
        protocol === PROTOCOLS.get && isAnswer && 'found' in message
          ? ({ found: false, records: {} } satisfies GetResponse)
          : message,
    },
  );
}

/** M-06 c: tells each peer another fill, consistent within itself. */
export function twoFaces(): Tamper {
  return answering((response, { to }) => {
    const fill = [0.05, 0.35, 0.65][faceTo(to) % 3] ?? 0;
    const peers = Math.max(1, Math.round(fill * response.max_nodes));
    return { ...response, fill_rate: peers / response.max_nodes, peer_count: peers };
  });
}

/** Tells each peer another time of its start, and always the same one. */
export function manyBirths(now: () => number): Tamper {
  const startedAt = now();
  return answering((response, { to }) => ({
    ...response,
    born_at: formatTime(startedAt - (1 + (faceTo(to) % 1_000)) * 3_600_000),
  }));
}

/** Another number for each peer, always the same one. */
function faceTo(peer: PeerId): number {
  return createHash('sha256').update(peer).digest().readUInt16BE(0);
}

/** M-06 d: its signed record counts peers that are not its own. */
export function inventedPeers(crypto: RecordCrypto, victims: () => readonly PeerId[]): Tamper {
  return {
    put: (key, value) => {
      if (!key.startsWith('/indexer/')) return value;
      const { sig: _sig, ...record } = JSON.parse(Buffer.from(value).toString()) as IndexerRecord;
      const invented = victims().map((peer) => createHash('sha256').update(peer).digest('hex').slice(0, 16));
      const peers = [...new Set([...record.peers, ...invented])].sort().slice(0, record.capacity);
      const forged = {
        ...record,
        peers,
        peer_count: peers.length,
        fill_rate: Math.min(1, peers.length / record.capacity),
      };
      const sig = crypto.sign(`opencloud/indexer-record/1\n${canonicalJson(forged)}`);
      return Buffer.from(JSON.stringify({ ...forged, sig }));
    },
  };
}

/** As a witness, contradicts what honest indexers say of themselves; `spared` get the truth, or praise. */
export function falseWitness(spared: (indexer: PeerId) => boolean = () => false): Tamper {
  return {
    outgoing: ({ protocol, isAnswer, message, request }) => {
      if (protocol !== PROTOCOLS.witness || !isAnswer || !('seen' in message)) return message;
      if (spared((request as WitnessRequest).indexer_peer_id)) return message;
      return {
        seen: true,
        born_at: '2020-01-01T00:00:00.000Z',
        fill_rate: 0.99,
        score: 1,
      } satisfies WitnessReport;
    },
  };
}

/** Puts its own friends wherever it names others: suggestions, witnesses, candidates. */
export function nepotism(friends: () => readonly AddrInfo[]): Tamper {
  const others = (asker: PeerId, count: number): readonly AddrInfo[] =>
    friends()
      .filter(({ ID }) => ID !== asker)
      .slice(0, count);
  return allOf(
    answering((response, { to }) => ({
      ...response,
      witnesses: others(to, 3),
      suggestions: others(to, 5),
    })),
    {
      outgoing: ({ protocol, isAnswer, message, to }) =>
        protocol === PROTOCOLS.candidates && isAnswer && 'candidates' in message
          ? ({ candidates: others(to, 5) } satisfies IndexerCandidatesResponse)
          : message,
    },
  );
}

/** Praises itself in each answer, whatever its nodes say of it. */
export function boast(): Tamper {
  return answering((response) => ({ ...response, cached_score: 1 }));
}

/** Answers searches and forwards them, but never with a hit, and drops what comes back. */
export function noSearch(): Tamper {
  return {
    outgoing: ({ protocol, isAnswer, message }) => {
      if (protocol === PROTOCOLS.searchResponse && !isAnswer) return undefined;
      return protocol === PROTOCOLS.search && isAnswer ? undefined : message;
    },
  };
}

/** Gives out the first record that it has ever seen of a peer, long expired, and other peers' records as well. */
export function replayedRecords(): Tamper {
  const oldest = new Map<PeerId, object>();
  return {
    incoming: ({ protocol, from, value }) => {
      const record = (value as { record?: object } | null)?.record;
      if (protocol === PROTOCOLS.heartbeat && record !== undefined && !oldest.has(from))
        oldest.set(from, record);
      return value;
    },
    outgoing: ({ protocol, isAnswer, message, to }) => {
      const record = oldest.get(to) ?? oldest.values().next().value;
      if (record === undefined) return message;
      if (protocol === PROTOCOLS.heartbeat && isAnswer && 'dht_found' in message)
        return { ...message, dht_found: true, dht_payload: record };
      // Towards other indexers it poses with a record that it was given.
      if (protocol === PROTOCOLS.heartbeat && !isAnswer && !('probe' in message))
        return { ...message, record };
      if (protocol === PROTOCOLS.publish && !isAnswer) return record;
      return message;
    },
  };
}

/** F10: heartbeats in another's name. */
export function stolenName(victim: PeerId): Tamper {
  return {
    outgoing: ({ protocol, isAnswer, message }) =>
      protocol === PROTOCOLS.heartbeat && !isAnswer ? { ...message, peer_id: victim } : message,
  };
}
