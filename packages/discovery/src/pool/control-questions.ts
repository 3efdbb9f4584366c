import { shuffled } from './known-peers.ts';
import { witnessVerdict } from '../scoring/witness-verdict.ts';
import type { AddrInfo, PeerId } from '../wire/messages.ts';
import { askWitness } from './witness-client.ts';
import type { PoolEntry } from './pool-entry.ts';
import type { PoolState } from './pool-state.ts';

/** Other indexers that a witness is asked about before its word may convict. */
const MAX_CONTROLS = 4;

/** What a witness has said of an indexer other than the accused. */
export interface ControlAnswer {
  readonly about: PeerId;
  readonly isConsistent: boolean;
  readonly confirmsBirth: boolean;
}

/**
 * Asks a witness that contradicts an indexer about the others of our pool, of which we know the answers.
 *
 * Fault model: accomplices slander every honest indexer and vouch for one another, and two of them among the peers that we know
 * would be enough to have an honest one evicted (13.8). So a witness is believed when it tells the truth about more of the others
 * than it contradicts, and about one at least. Friends of the witness in our pool speak for it; as long as they are fewer than the
 * honest ones, that does not make it truthful. An indexer that stands alone in the pool can be compared with nobody: then the word
 * counts, as the specification has it.
 */
export async function isTruthfulWitness(
  state: PoolState,
  { witness, accused }: { readonly witness: AddrInfo; readonly accused: PoolEntry },
  note: (answer: ControlAnswer) => void,
): Promise<boolean> {
  const { random, constants } = state.context;
  const others = state.healthy().filter((other) => other !== accused && other.peer !== witness.ID);
  if (others.length === 0) return true;
  let agreed = 0;
  let denied = 0;
  await Promise.all(
    shuffled(others, random)
      .slice(0, MAX_CONTROLS)
      .map(async (other) => {
        const report = await askWitness(state, witness, other.peer, constants.witnessMs);
        const verdict = witnessVerdict(report, other.readings);
        if (verdict.verdict === 'inconclusive' || !state.directory.holds(other)) return;
        const isConsistent = verdict.verdict === 'consistent';
        if (isConsistent) agreed += 1;
        else denied += 1;
        note({ about: other.peer, isConsistent, confirmsBirth: verdict.isBornAtEqual });
      }),
  );
  return agreed > denied;
}
