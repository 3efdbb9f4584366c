import type { DiscoveryContext } from '../context.ts';
import type { Behaviour, Gate, NodeTable, RecordDirectory, VerifiedRecord } from '../parts.ts';
import { verifyPeerRecord } from '../records/peer-record.ts';
import type { PeerId, WireErrorCode } from '../wire/messages.ts';
import { FRAME_LIMITS, PROTOCOLS } from '../wire/protocols.ts';
import { type Exchange, Refusal, requireAllowed, serveExchange } from './exchange.ts';

export interface PublishServerParts {
  readonly behaviour: Behaviour;
  readonly table: NodeTable;
  readonly directory: RecordDirectory;
  /** Is told that a newcomer has become known. */
  readonly gate?: Gate;
}

const BAD_SIGNATURE_STRIKES = 2;
const RELAYED_STRIKES = 1;

/**
 * Takes signed records (P4, discovery spec 15.1). A node publishes its own record only (DEF-43), and needs no heartbeat
 * for it. Nothing is locked while the DHT works (DEF-38). Strikes go to the authenticated peer.
 */
export class PublishServer {
  readonly #context: DiscoveryContext;
  readonly #parts: PublishServerParts;

  constructor(context: DiscoveryContext, parts: PublishServerParts) {
    this.#context = context;
    this.#parts = parts;
  }

  start(): void {
    const { constants, events, overlay } = this.#context;
    overlay.handle(PROTOCOLS.publish, async (stream) => {
      const options = { totalMs: constants.publishServerMs, behaviour: this.#parts.behaviour };
      await serveExchange(this.#context, stream, options, async (exchange) => {
        try {
          await this.#serve(exchange);
          events.publish('publish.served', { peer: exchange.peer, ok: true });
        } catch (error) {
          const code: WireErrorCode = error instanceof Refusal ? error.code : 'bad_request';
          events.publish('publish.served', { peer: exchange.peer, ok: false, code });
          throw error;
        }
      });
    });
  }

  async #serve(exchange: Exchange): Promise<void> {
    const { behaviour, table, directory, gate } = this.#parts;
    const { peer } = exchange;
    requireAllowed(behaviour, peer, 'publish');
    const value = await exchange.request(FRAME_LIMITS.peerRecord, (frame) => frame);
    const verified = this.#verify(peer, value);
    const { did } = verified.record;
    if (!behaviour.checkIdentity(peer, did)) {
      throw new Refusal('identity_mismatch', 'another DID is known for this peer');
    }
    table.notePublished(peer, did, verified);
    const { node } = await directory.put(verified.record);
    gate?.forget(peer);
    if (!node) throw new Refusal('internal', 'the record could not be stored');
    await exchange.answer({ ok: true });
  }

  #verify(peer: PeerId, value: unknown): VerifiedRecord {
    const { clock, constants, crypto, settings } = this.#context;
    const { behaviour } = this.#parts;
    const result = verifyPeerRecord(value, {
      crypto,
      now: clock.now(),
      constants,
      didMode: settings.didMode,
    });
    if (result.ok) {
      if (result.verified.record.peer_id === peer) return result.verified;
      behaviour.strike(peer, RELAYED_STRIKES, 'record of another peer');
      throw new Refusal('identity_mismatch', 'the record is of another peer');
    }
    switch (result.reason) {
      case 'bad_signature':
        behaviour.strike(peer, BAD_SIGNATURE_STRIKES, 'bad signature of a record');
        throw new Refusal('bad_signature', result.message);
      case 'expired':
        throw new Refusal('expired', result.message);
      case 'identity':
        throw new Refusal('identity_mismatch', result.message);
      case 'malformed':
        behaviour.strike(peer, 1, 'malformed record');
        throw new Refusal('bad_request', result.message);
      default:
        return result.reason satisfies never;
    }
  }
}
