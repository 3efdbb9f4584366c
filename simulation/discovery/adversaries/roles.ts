import type { AddrInfo, PeerId, RecordCrypto } from '@muster/discovery';
import {
  allOf,
  boast,
  denial,
  falseWitness,
  inventedPeers,
  nepotism,
  noDht,
  noSearch,
  onlyWhile,
  replayedRecords,
  silence,
  stolenName,
  type Tamper,
  twoFaces,
} from '@muster/discovery/misbehaviour';
import type { SimOverlay } from '../sim-overlay.ts';

/** What a liar knows: more than any real one could. */
export interface LiarView {
  readonly self: PeerId;
  readonly crypto: RecordCrypto;
  readonly overlay: SimOverlay;
  /** The other members of its clique, itself included. */
  friends(): readonly AddrInfo[];
  /** Honest nodes of the fleet. */
  victims(): readonly PeerId[];
  /** Milliseconds since it has started. */
  age(): number;
}

/** The roles that can be given to a member, by name. */
export const ROLES = {
  /** Honest until it has a following, then takes heartbeats and says nothing. */
  silent: (view) => onlyWhile(() => view.age() > 120_000, silence()),
  /** F9: answers, and keeps nothing: no nodes, no records, no searches. */
  lazy: (view) => {
    view.overlay.dht.lie = { stores: false, answer: () => undefined };
    return allOf(denial(), noDht(), noSearch());
  },
  /** M-06 a. */
  'denies-own-id': () => denial(),
  /** M-06 b. */
  'no-dht': (view) => {
    view.overlay.dht.lie = { stores: false, answer: () => undefined };
    return noDht();
  },
  /** M-06 c. */
  'two-faces': () => twoFaces(),
  /** M-06 d. */
  'invents-peers': (view) => inventedPeers(view.crypto, () => view.victims()),
  /** Slanders every indexer that it is asked about. */
  'false-witness': () => falseWitness(),
  /** Names only its friends, vouches for them, slanders all others, praises itself, and serves nobody's records. */
  clique: (view) => {
    const isFriend = (peer: PeerId): boolean => view.friends().some(({ ID }) => ID === peer);
    view.overlay.dht.lie = { stores: false, answer: () => undefined };
    return allOf(
      nepotism(() => view.friends()),
      falseWitness(isFriend),
      boast(),
      noDht(),
      noSearch(),
    );
  },
  /** A clique that lies only where nobody can check at once: it names friends, slanders and boasts, but serves. */
  'careful-clique': (view) => {
    const isFriend = (peer: PeerId): boolean => view.friends().some(({ ID }) => ID === peer);
    return allOf(
      nepotism(() => view.friends()),
      falseWitness(isFriend),
      boast(),
    );
  },
  /** Honest for ten minutes, a liar for the next ten. */
  'on-off': (view) =>
    onlyWhile(() => Math.floor(view.age() / 600_000) % 2 === 1, allOf(denial(), noDht(), noSearch())),
  /** Gives out old records of others, and poses with them. */
  replay: () => replayedRecords(),
  /** F10: a node that heartbeats in the name of the first honest node. */
  thief: (view) => stolenName(view.victims()[0] ?? view.self),
} as const satisfies Readonly<Record<string, (view: LiarView) => Tamper>>;

export type RoleName = keyof typeof ROLES;
