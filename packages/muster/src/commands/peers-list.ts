import { defineCommand } from '../cli/command.ts';
import { count } from '../cli/progress.ts';
import { facts, table } from '../cli/table.ts';
import { seconds } from '../client/show-peers.ts';
import { askStatus } from '../client/status-client.ts';
import { statusSettings } from '../settings/status-settings.ts';

interface PoolEntry {
  readonly peer_id: string;
  readonly seed: boolean;
  readonly healthy: boolean;
  readonly referent: boolean;
  readonly score: number | null;
  readonly minimum_score: number;
  readonly confidence: number;
  readonly fill_rate: number;
  readonly rtt_ms: number | null;
  readonly age_seconds: number;
}

interface NodeEntry {
  readonly peer_id: string;
  readonly name: string | null;
  readonly is_indexer: boolean;
  readonly uptime: number;
  readonly age_seconds: number;
  readonly expires_in_seconds: number;
}

interface Status {
  readonly name: string;
  readonly peer_id: string;
  readonly roles: readonly string[];
  readonly ready: boolean;
  readonly not_ready_because: readonly string[];
  readonly pool: { readonly entries: readonly PoolEntry[] };
  readonly indexer: { readonly records: number; readonly max_nodes: number } | null;
}

export const list = defineCommand({
  name: 'list',
  summary: 'List the peers that a node or indexer is in touch with.',
  description:
    'List the indexers that a running node or indexer sends heartbeats to, with its score of each; for an indexer also ' +
    'the nodes that send heartbeats to it.',
  settings: statusSettings,
  examples: ['peers list --status 127.0.0.1:9101', 'peers list --status-port 9101 --json'],
  run: async (context) => {
    const status = (await askStatus(context, '/status')) as unknown as Status;
    const { nodes = [] } =
      status.indexer === null
        ? {}
        : ((await askStatus(context, '/indexer?limit=10000')) as { nodes?: NodeEntry[] });
    const { entries } = status.pool;
    context.print(
      {
        peer: status.peer_id,
        name: status.name,
        roles: status.roles,
        ready: status.ready,
        pool: entries,
        nodes,
      },
      [
        facts([
          ['name', status.name],
          ['peer id', status.peer_id],
          ['roles', status.roles.join(', ')],
          ['ready', status.ready ? 'yes' : `no: ${status.not_ready_because.join('; ')}`],
        ]),
        entries.length === 0 ? 'no indexers in the pool' : poolTable(entries),
        ...(status.indexer === null
          ? []
          : [
              nodes.length === 0
                ? 'no nodes'
                : `${nodeTable(nodes)}\n${count(status.indexer.records, 'node')} of at most ${status.indexer.max_nodes}`,
            ]),
      ].join('\n\n'),
    );
    return undefined;
  },
});

function poolTable(entries: readonly PoolEntry[]): string {
  const rows = entries.map((entry) => [
    entry.peer_id,
    [
      entry.healthy ? 'healthy' : 'silent',
      ...(entry.seed ? ['seed'] : []),
      ...(entry.referent ? ['referent'] : []),
    ].join(', '),
    entry.score === null ? '-' : entry.score.toFixed(1),
    entry.minimum_score.toFixed(1),
    entry.confidence.toFixed(2),
    entry.fill_rate.toFixed(2),
    entry.rtt_ms === null ? '-' : `${entry.rtt_ms.toFixed(0)} ms`,
    seconds(entry.age_seconds),
  ]);
  return table(
    ['Indexer', 'State', 'Score', 'Minimum', 'Confidence', 'Fill', 'Answers in', 'Known for'],
    rows,
  );
}

function nodeTable(nodes: readonly NodeEntry[]): string {
  const rows = nodes.map((node) => [
    node.peer_id,
    node.name ?? (node.is_indexer ? '(indexer)' : '-'),
    node.uptime.toFixed(2),
    seconds(node.age_seconds),
    seconds(node.expires_in_seconds),
  ]);
  return table(['Node', 'Name', 'Uptime', 'Known for', 'Expires in'], rows);
}
