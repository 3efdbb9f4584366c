/**
 * The two topics and their validators (discovery spec 4.4; DEF-65, DEF-66).
 *
 * Fault model: whoever holds the pre-shared key can publish anything. A message is taken, and passed on, only when its
 * signed author is who it says it comes from; what is invalid is rejected, which counts against its forwarder. A flood
 * of an author that exceeds what is remembered of it is ignored instead: its forwarders are not to blame.
 */

import type { DiscoveryContext } from '../context.ts';
import type { GossipMessage, GossipVerdict } from '../overlay/overlay.ts';
import { decodeEvent, type Event, verifyEvent } from '../wire/event.ts';
import type { SearchQuery } from '../wire/messages.ts';
import { FRAME_LIMITS, TOPICS } from '../wire/protocols.ts';
import { ReplayGuard } from '../wire/replay-guard.ts';
import { decodeSearchQuery } from '../wire/schemas.ts';
import { criteriaProblem } from './criteria.ts';

const SECOND_MS = 1_000;
/** Bounds of what is remembered against replays. */
const REPLAY_BOUNDS = { maxPeers: 4_096, maxNoncesPerPeer: 256 };
/** Query ids are 32 characters as we write them. */
const MAX_QUERY_ID_CHARS = 128;

/** The query in a message of `oc-search-peer`, or undefined when the message is not valid. */
export function readSearchQuery(message: GossipMessage): SearchQuery | undefined {
  const query = decoded(message.data, FRAME_LIMITS.searchQuery, decodeSearchQuery);
  if (query === undefined || query.emitter_id !== message.from) return undefined;
  if (query.query_id === '' || query.query_id.length > MAX_QUERY_ID_CHARS) return undefined;
  return criteriaProblem(query, 1) === undefined ? query : undefined;
}

/** The validator of `oc-search-peer`: the emitter is the signed author of the message. */
export function validateSearchQuery(message: GossipMessage): GossipVerdict {
  return readSearchQuery(message) === undefined ? 'reject' : 'accept';
}

type ValidatorContext = Pick<DiscoveryContext, 'clock' | 'constants' | 'crypto'>;

/** The validator of `oc-node-search`: author, signature, age, and no replay. */
export class NodeSearchValidator {
  readonly #context: ValidatorContext;
  readonly #replays: ReplayGuard;

  constructor(context: ValidatorContext) {
    this.#context = context;
    this.#replays = new ReplayGuard({ ...REPLAY_BOUNDS, keepMs: context.constants.eventNonceMs });
  }

  validate(message: GossipMessage): GossipVerdict {
    const { clock, constants, crypto } = this.#context;
    const event = decoded(message.data, FRAME_LIMITS.gossip, decodeEvent);
    if (event === undefined || event.from !== message.from) return 'reject';
    if (Math.abs(event.ts * SECOND_MS - clock.now()) > constants.eventWindowMs) return 'reject';
    const now = clock.monotonic();
    if (this.#replays.hasSeen(event.from, event.nonce, now)) return 'reject';
    if (!verifyEvent(event, crypto)) return 'reject';
    return this.#replays.add(event.from, event.nonce, now) === 'added' ? 'accept' : 'ignore';
  }
}

/**
 * Membership of `oc-node-search`: nodes take part, strict indexers only forward, so that nodes which know nobody but
 * indexers form one mesh (DEF-66).
 */
export class NodeSearchTopic {
  readonly #context: DiscoveryContext;
  readonly #onSearch: ((event: Event) => void) | undefined;

  /** `onSearch` is handed the valid events of others, on nodes. */
  constructor(context: DiscoveryContext, parts: { readonly onSearch?: (event: Event) => void } = {}) {
    this.#context = context;
    this.#onSearch = parts.onSearch;
  }

  start(): void {
    const { overlay, settings } = this.#context;
    const validator = new NodeSearchValidator(this.#context);
    const onSearch = settings.roles.node ? this.#onSearch : undefined;
    overlay.gossip.subscribe(TOPICS.nodeSearch, {
      validate: (message) => validator.validate(message),
      ...(onSearch === undefined
        ? {}
        : {
            deliver: (message) => {
              const event = decoded(message.data, FRAME_LIMITS.gossip, decodeEvent);
              if (event !== undefined) onSearch(event);
            },
          }),
    });
  }

  stop(): void {
    this.#context.overlay.gossip.unsubscribe(TOPICS.nodeSearch);
  }
}

function decoded<T>(data: Uint8Array, maxBytes: number, decode: (value: unknown) => T): T | undefined {
  if (data.length > maxBytes) return undefined;
  try {
    return decode(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data)));
  } catch {
    return undefined;
  }
}
