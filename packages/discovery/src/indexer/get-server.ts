import type { DiscoveryContext } from '../context.ts';
import type { Behaviour, Gate, NodeTable, RecordDirectory, VerifiedRecord } from '../parts.ts';
import { isUuid } from '../records/did.ts';
import { isPeerId } from '../wire/addresses.ts';
import type { GetResponse, GetValue } from '../wire/messages.ts';
import { FRAME_LIMITS, PROTOCOLS } from '../wire/protocols.ts';
import { decodeGetValue } from '../wire/schemas.ts';
import { type Exchange, Refusal, requireAllowed, requireKnown, serveExchange } from './exchange.ts';

export interface GetServerParts {
  readonly behaviour: Behaviour;
  readonly table: NodeTable;
  readonly directory: RecordDirectory;
  readonly gate: Gate;
}

/** Answers who has a peer id or a DID (P5, discovery spec 15.3): from the live records first, else from the DHT. */
export class GetServer {
  readonly #context: DiscoveryContext;
  readonly #parts: GetServerParts;

  constructor(context: DiscoveryContext, parts: GetServerParts) {
    this.#context = context;
    this.#parts = parts;
  }

  start(): void {
    const { constants, overlay } = this.#context;
    overlay.handle(PROTOCOLS.get, async (stream) => {
      const options = { totalMs: constants.getMs, behaviour: this.#parts.behaviour };
      await serveExchange(this.#context, stream, options, async (exchange) => await this.#serve(exchange));
    });
  }

  async #serve(exchange: Exchange): Promise<void> {
    const { behaviour, gate } = this.#parts;
    const { peer } = exchange;
    await requireKnown(gate, peer);
    requireAllowed(behaviour, peer, 'get');
    const request = await exchange.request(FRAME_LIMITS.getValue, decodeGetValue);
    if ((request.peer_id ?? '') === '' && request.key === '') {
      throw new Refusal('bad_request', 'neither a DID nor a peer id');
    }
    const verified = await this.#find(request, exchange);
    const answer: GetResponse = {
      found: verified !== undefined,
      records: verified === undefined ? {} : { [verified.record.peer_id]: verified.record },
    };
    await exchange.answer(answer);
    this.#context.events.publish('get.served', { peer, found: answer.found });
  }

  async #find(request: GetValue, exchange: Exchange): Promise<VerifiedRecord | undefined> {
    const { constants } = this.#context;
    const { directory, table } = this.#parts;
    const { peer_id = '', key } = request;
    if (peer_id !== '') {
      if (!isPeerId(peer_id)) return undefined;
      const live = this.#current(table.get(peer_id)?.verified);
      return live ?? (await directory.byPeer(peer_id, exchange.within(constants.dhtGetByPeerMs)));
    }
    if (!isUuid(key)) return undefined;
    for (const { verified } of table.values()) {
      if (verified?.record.did === key && this.#current(verified) !== undefined) return verified;
    }
    return await directory.byDid(key, exchange.within(constants.dhtGetByDidMs));
  }

  #current(verified: VerifiedRecord | undefined): VerifiedRecord | undefined {
    return verified !== undefined && verified.expiresAt > this.#context.clock.now() ? verified : undefined;
  }
}
