/** What is searched for (discovery spec 8.7, 16.3, 16.5). */

import { isUuid } from '../records/did.ts';
import { isPeerId } from '../wire/addresses.ts';
import type { SearchHit } from '../wire/messages.ts';

/** At least one is set; a hit is whoever fits any of them. */
export interface SearchCriteria {
  readonly peer_id?: string;
  readonly did?: string;
  readonly name?: string;
}

/** A peer id is looked for as one, a UUID as a DID, anything else as a part of a name. */
export function criteriaOf(needle: string): SearchCriteria {
  if (isPeerId(needle)) return { peer_id: needle };
  return isUuid(needle) ? { did: needle } : { name: needle };
}

/** Only the criteria, of a request or a query that may hold more; empty texts count as absent. */
export function criteriaIn(message: SearchCriteria): SearchCriteria {
  const { peer_id, did, name } = message;
  return {
    ...(peer_id === undefined || peer_id === '' ? {} : { peer_id }),
    ...(did === undefined || did === '' ? {} : { did }),
    ...(name === undefined || name === '' ? {} : { name }),
  };
}

/** Why a request can't be answered (16.4.1), or undefined. */
export function criteriaProblem(criteria: SearchCriteria, nameMinChars: number): string | undefined {
  const { peer_id, did, name } = criteriaIn(criteria);
  if (peer_id === undefined && did === undefined && name === undefined) return 'no criterion';
  if (name !== undefined && [...name].length < nameMinChars)
    return `a name has ${nameMinChars} or more characters`;
  return undefined;
}

/** Peer id and DID exactly, names by part and without regard to case; any criterion suffices (16.5). */
export function matches(
  criteria: SearchCriteria,
  candidate: Pick<SearchHit, 'peer_id' | 'did' | 'name'>,
): boolean {
  const { peer_id, did, name } = criteriaIn(criteria);
  return (
    candidate.peer_id === peer_id ||
    (did !== undefined && candidate.did === did) ||
    (name !== undefined && candidate.name.toLowerCase().includes(name.toLowerCase()))
  );
}
