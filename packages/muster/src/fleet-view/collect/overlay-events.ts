/** What happens in nodes and indexers, in words. */
import type { ViewInput } from '../model/inputs.ts';
import { type Fields, number, text } from './reading.ts';

type Happening = Extract<ViewInput, { readonly type: 'happening' }>;

const EVICTIONS: Readonly<Partial<Record<string, string>>> = {
  failed: 'it failed to answer',
  score: 'its score is below the minimum',
  migration: 'its nodes were moved to others',
  'hard-evidence': 'its answers were proved wrong',
  blacklisted: 'it is blacklisted',
  gone: 'it has left',
};

/** Why an indexer was put out of a pool. */
export function reasonOf(event: Fields): string {
  const reason = text(event['reason']) ?? '';
  const score = number(event['score']);
  const said = EVICTIONS[reason] ?? (reason === '' ? 'no reason told' : reason);
  return score === undefined ? said : `${said} (score ${score.toFixed(1)})`;
}

/** Whether the status is worth another look after this. */
export function nudges(name: string): boolean {
  return name.startsWith('pool.') || name.startsWith('record.') || name === 'score.updated';
}

/** The words for an event of a node; `{0}` is the node, `{1}` the peer that it is about. Undefined when it is not worth any. */
export function happeningOf(name: string, event: Fields, self: string): Happening | undefined {
  const peer = text(event['peer']);
  const at = number(event['at']);
  const tell = (severity: Happening['severity'], words: string): Happening => ({
    type: 'happening',
    severity,
    text: words,
    mentions: peer === undefined ? [self] : [self, peer],
    peer: peer ?? self,
    ...(at === undefined ? {} : { at }),
  });
  if (name === 'daemon.ready') return tell('info', '{0} is ready');
  if (peer === undefined) return undefined;
  switch (name) {
    case 'pool.added':
      return tell('info', '{0} took {1} into its pool');
    case 'pool.evicted':
      return tell('warning', `{0} put {1} out of its pool: ${reasonOf(event)}`);
    case 'pool.quarantined':
      return tell('error', `{0} keeps {1} in quarantine: ${text(event['evidence']) ?? 'no evidence told'}`);
    case 'pool.discharged':
      return tell('info', '{0} lets {1} out of quarantine');
    case 'behaviour.banned':
      return tell('warning', `{0} banned {1} for ${Math.round((number(event['forMs']) ?? 0) / 1_000)} s`);
    default:
      return undefined;
  }
}
