import { defineCommand } from '../cli/command.ts';
import { count, showBytes } from '../cli/progress.ts';
import { facts, table } from '../cli/table.ts';
import { agentMetrics, type AgentState, agentState, sumOf } from '../client/ops-client.ts';
import { seconds } from '../client/show-peers.ts';
import { opsSettings } from '../settings/mirror-status-settings.ts';

export const status = defineCommand({
  name: 'status',
  summary: 'Show what a running mirror is doing, and from where it got what it served.',
  description:
    'Show what a running mirror of this machine is doing: whether it is ready, who is in its cluster, what it keeps, and from where ' +
    'it got what it served. With a digest, also which nodes are asked to pull it, in their order.',
  settings: opsSettings,
  operands: [
    {
      name: 'digest',
      value: 'sha256:…',
      description: 'Object to look at.',
      check: (text) => (/^sha256:[0-9a-f]{64}$/.test(text) ? undefined : 'not a digest'),
    },
  ],
  examples: ['mirror status', 'mirror status --ops 127.0.0.1:9095 --json'],
  run: async (context) => {
    const { values, operands } = context;
    const state = await agentState(values, operands['digest']);
    const metrics = await agentMetrics(values);
    const figures = figuresOf(metrics);
    context.print({ ...state, figures }, text(state, figures));
    return undefined;
  },
});

interface Figures {
  readonly requests: number;
  readonly hits: number;
  readonly misses: number;
  readonly servedBytes: Readonly<Record<'cache' | 'peer' | 'origin', number>>;
  readonly originBytes: number;
  readonly originPulls: number;
  readonly originFailures: number;
  readonly peerBytes: number;
  readonly sentBytes: number;
}

function figuresOf(metrics: ReadonlyMap<string, number>): Figures {
  const served = (source: string): number => sumOf(metrics, 'gantry_mirror_bytes_served_total', { source });
  return {
    requests: sumOf(metrics, 'gantry_mirror_requests_total'),
    hits: sumOf(metrics, 'p2p_cache_hit_total'),
    misses: sumOf(metrics, 'p2p_cache_miss_total'),
    servedBytes: { cache: served('cache'), peer: served('peer'), origin: served('origin') },
    originBytes: sumOf(metrics, 'gantry_origin_bytes_total'),
    originPulls: sumOf(metrics, 'p2p_origin_pull_total'),
    originFailures: sumOf(metrics, 'p2p_origin_failure_total'),
    peerBytes: sumOf(metrics, 'gantry_peer_fetch_bytes_total'),
    sentBytes: sumOf(metrics, 'gantry_peer_serve_bytes_total'),
  };
}

function text(state: AgentState, figures: Figures): string {
  const { discovery, store, members } = state;
  const { cache, peer, origin } = figures.servedBytes;
  const sections = [
    facts([
      ['node', state.node],
      ['ready', readyText(state)],
      ['running for', seconds(state.uptimeSeconds)],
      ['mirror', state.listeners.mirror],
      ['transfer', state.listeners.transfer],
      ['registries', state.registries.join(', ')],
      [
        'discovery',
        `health ${discovery.health.toFixed(2)}, ${count(discovery.routingTableSize, 'peer')} of ${discovery.routingTableTarget}`,
      ],
      ['announced', `${discovery.advertised}, ${discovery.toAdvertise} to come`],
      [
        'cache',
        `${count(store.objects, 'object')}, ${showBytes(store.usedBytes)} of ${showBytes(store.budgetBytes)}`,
      ],
      ['requests', `${figures.requests}: ${figures.hits} from the cache, ${figures.misses} not`],
      [
        'served',
        `${showBytes(cache)} from the cache, ${showBytes(peer)} from nodes, ${showBytes(origin)} from origins`,
      ],
      [
        'from origins',
        `${showBytes(figures.originBytes)} in ${count(figures.originPulls, 'pull')}, ${count(figures.originFailures, 'failure')}`,
      ],
      ['from nodes', showBytes(figures.peerBytes)],
      ['to nodes', showBytes(figures.sentBytes)],
      [
        'left alone',
        state.negative.cooling === 0
          ? undefined
          : `${count(state.negative.cooling, 'object')} after failures of the origin`,
      ],
    ]),
    table(
      ['Member', 'Transfer address', 'Zone'],
      members.snapshot.map(({ id, addr, zone }) => [id === state.node ? `${id} (this one)` : id, addr, zone]),
    ),
    ...(state.sessions.length === 0 ? [] : [sessionTable(state)]),
    ...(state.object === undefined ? [] : [JSON.stringify(state.object, undefined, 2)]),
  ];
  return sections.join('\n\n');
}

function readyText({ ready, reason, warning }: AgentState): string {
  if (!ready) return `no: ${reason ?? 'no reason given'}`;
  return warning === undefined ? 'yes' : `yes, in spite of: ${warning}`;
}

function sessionTable({ sessions }: AgentState): string {
  const rows = sessions.map(({ digest, kind, state, source, readers }) => [
    digest.slice(0, 19),
    kind,
    state,
    source,
    String(readers),
  ]);
  return table(['Fetching', 'Kind', 'State', 'From', 'Waiting'], rows);
}
