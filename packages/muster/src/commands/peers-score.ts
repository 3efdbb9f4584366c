import { cliErrors } from '../cli/cli-errors.ts';
import { type CommandContext, defineCommand } from '../cli/command.ts';
import { facts, table } from '../cli/table.ts';
import { seconds } from '../client/show-peers.ts';
import { askStatus } from '../client/status-client.ts';
import { statusSettings } from '../settings/status-settings.ts';

interface Term {
  readonly name: string;
  readonly meaning: string;
  readonly value: number;
  readonly weight: number;
  readonly points: number;
  readonly lostPoints: number;
  readonly evidence: Readonly<Record<string, number>>;
}

interface Explanation {
  readonly peer: string;
  readonly isSeed: boolean;
  readonly isHealthy: boolean;
  readonly isReferent: boolean;
  readonly score?: number;
  readonly minimumScore: number;
  readonly terms: readonly Term[];
  readonly base?: number;
  readonly restartPenalty?: number;
  readonly confidence: number;
  readonly evidence: Readonly<Record<string, number>>;
  readonly ageMs: number;
  readonly eviction: readonly string[];
}

export const score = defineCommand({
  name: 'score',
  summary: "Explain a node's score of an indexer, term by term.",
  description:
    "Explain a running node's score of an indexer: each term with its value, weight, points and the evidence behind it, the " +
    'minimum for its age, the confidence, and what would evict it from the pool.',
  arguments: [
    {
      name: 'indexer',
      description: 'Peer id of an indexer of the pool, or its last characters.',
      required: true,
    },
  ],
  settings: statusSettings,
  examples: [
    'peers score 12D3KooWQYV9dGMFoRzNStwpXztXaBUjtPqi6aU76ZgUriHhKust --status 127.0.0.1:9101',
    'peers score HhKust --status-port 9101',
  ],
  run: async (context) => {
    const peer = await fullPeerId(context, context.arguments[0] ?? '');
    const explanation = (await askStatus(
      context,
      `/scores/${encodeURIComponent(peer)}`,
    )) as unknown as Explanation;
    context.print(explanation, explanationText(explanation));
    return undefined;
  },
});

/** The peer of the pool that ends like this. Throws STATUS_NOT_FOUND; USAGE when there are several. */
async function fullPeerId(context: CommandContext<typeof statusSettings>, end: string): Promise<string> {
  const { entries } = (await askStatus(context, '/pool')) as unknown as {
    readonly entries: readonly { readonly peer_id: string }[];
  };
  const found = entries.map(({ peer_id }) => peer_id).filter((peer) => end !== '' && peer.endsWith(end));
  if (found.length > 1)
    throw cliErrors.create('USAGE', `several indexers end in ${end}: ${found.join(', ')}`);
  const [peer] = found;
  if (peer !== undefined) return peer;
  throw cliErrors.create('STATUS_NOT_FOUND', `${JSON.stringify(end)} is not in the pool`, {
    hint: '`muster peers list` names the indexers that are.',
  });
}

function explanationText(explanation: Explanation): string {
  const { score: value, terms, evidence, confidence, eviction } = explanation;
  const state = [
    explanation.isHealthy ? 'healthy' : 'silent',
    ...(explanation.isSeed ? ['seed'] : []),
    ...(explanation.isReferent ? ['referent'] : []),
  ];
  const checks = `${shown(evidence['verificationsPassed'] ?? 0)} good, ${shown(evidence['verificationsFailed'] ?? 0)} failed`;
  return [
    facts([
      ['indexer', explanation.peer],
      ['state', state.join(', ')],
      ['known for', seconds(explanation.ageMs / 1000)],
      [
        'score',
        value === undefined
          ? 'none yet: it has not answered'
          : `${value.toFixed(1)} of 100 at its last answer`,
      ],
      ['minimum', `${explanation.minimumScore.toFixed(1)} at its age`],
      [
        'confidence',
        `${confidence.toFixed(2)} (alpha ${shown(evidence['alpha'] ?? 0)}, beta ${shown(evidence['beta'] ?? 0)})`,
      ],
      ['checks', checks],
    ]),
    ...(terms.length === 0 ? [] : [termTable(explanation)]),
    `What would evict it:\n${eviction.map((line) => `  * ${line}`).join('\n')}`,
  ].join('\n\n');
}

function termTable({ terms, base = 0, restartPenalty = 1, evidence }: Explanation): string {
  const rows = terms.map((term) => [
    term.name,
    term.value.toFixed(3),
    term.weight.toFixed(2),
    term.points.toFixed(1),
    term.lostPoints.toFixed(1),
    evidenceText(term.evidence),
    term.meaning,
  ]);
  const restarts = shown(evidence['bornAtChanges'] ?? 0);
  return table(
    ['Term', 'Value', 'Weight', 'Points', 'Lost', 'Evidence', 'Meaning'],
    [
      ...rows,
      ['sum now', '', '', base.toFixed(1), (100 - base).toFixed(1), '', ''],
      [
        'restarts',
        `× ${restartPenalty.toFixed(2)}`,
        '',
        (base * restartPenalty).toFixed(1),
        '',
        `${restarts} restarts`,
        '',
      ],
    ],
  );
}

/** `challengesCorrect 3, challengesChecked 4` reads as `3 of 4`. */
function evidenceText(evidence: Readonly<Record<string, number>>): string {
  const entries = Object.entries(evidence);
  const [first, second] = entries;
  if (first !== undefined && second?.[0].endsWith('Checked') === true)
    return `${shown(first[1])} of ${shown(second[1])}`;
  return entries
    .map(([name, value]) => {
      if (name === 'totalOnlineMs') return `${seconds(value / 1000)} online`;
      return name === 'rttMs' ? `${value.toFixed(0)} ms` : `${name} ${shown(value)}`;
    })
    .join(', ');
}

function shown(value: number): string {
  return String(Math.round(value * 100) / 100);
}
