import type { DiscoveryContext } from '../context.ts';
import type { Behaviour, Gate, Suggestions } from '../parts.ts';
import { sampleOf } from '../sampling.ts';
import { usableAddrInfo } from '../wire/addresses.ts';
import type { AddrInfo, IndexerCandidatesResponse, PeerId } from '../wire/messages.ts';
import { FRAME_LIMITS, PROTOCOLS } from '../wire/protocols.ts';
import { decodeCandidatesRequest } from '../wire/schemas.ts';
import { requireKnown, serveExchange } from './exchange.ts';

export interface CandidatesServerParts {
  readonly gate: Gate;
  readonly suggestions: Suggestions;
  readonly behaviour?: Behaviour;
}

const MAX_COUNT = 10;
const DEFAULT_COUNT = 3;

/** Names some of the indexers that this one knows (P6, discovery spec 14.5): a random sample of its cache. */
export class CandidatesServer {
  readonly #context: DiscoveryContext;
  readonly #parts: CandidatesServerParts;

  constructor(context: DiscoveryContext, parts: CandidatesServerParts) {
    this.#context = context;
    this.#parts = parts;
  }

  start(): void {
    const { constants, overlay } = this.#context;
    overlay.handle(PROTOCOLS.candidates, async (stream) => {
      const options = { totalMs: constants.candidatesMs, behaviour: this.#parts.behaviour };
      await serveExchange(this.#context, stream, options, async (exchange) => {
        await requireKnown(this.#parts.gate, exchange.peer);
        const { count } = await exchange.request(FRAME_LIMITS.candidatesRequest, decodeCandidatesRequest);
        const isInRange = Number.isInteger(count) && count >= 1 && count <= MAX_COUNT;
        const answer: IndexerCandidatesResponse = {
          candidates: this.#sample(exchange.peer, isInRange ? count : DEFAULT_COUNT),
        };
        await exchange.answer(answer);
      });
    });
  }

  /** Without the asker and ourselves, and only those with an address that the asker could use. */
  #sample(asker: PeerId, count: number): readonly AddrInfo[] {
    const { random, self, settings } = this.#context;
    const usable = this.#parts.suggestions
      .list()
      .filter(({ ID }) => ID !== asker && ID !== self)
      .map((info) => usableAddrInfo(info, settings))
      .filter((info) => info !== undefined);
    return sampleOf(usable, count, random);
  }
}
