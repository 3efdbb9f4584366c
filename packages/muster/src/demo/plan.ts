/** Who is in a demo, and who knows whom (discovery spec section 2, TOPO-2 and TOPO-3). */
import { join } from 'node:path';

/** One member before it runs. Flags are those of `muster node run`, without the dashes. */
export interface PlannedMember {
  readonly name: string;
  readonly role: 'indexer' | 'node';
  readonly port: number;
  readonly folder: string;
  readonly flags: Readonly<Record<string, string>>;
}

export interface PlanOptions {
  readonly indexers: number;
  readonly nodes: number;
  /** One for each member, indexers first; 0 is any free one, for nodes only. */
  readonly ports: readonly number[];
  /** Peer ids of the indexers, in order. */
  readonly indexerIds: readonly string[];
  readonly folder: string;
  readonly pskPath: string;
  readonly logLevel: string;
}

const NAMES =
  'alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike november oscar papa quebec romeo sierra tango uniform victor whiskey xray yankee zulu';

/** `alpha` to `zulu`, then `alpha-2` and so on. */
export function nodeName(index: number): string {
  const names = NAMES.split(' ');
  const round = Math.floor(index / names.length);
  const name = names[index % names.length] as string;
  return round === 0 ? name : `${name}-${round + 1}`;
}

/** Names of all members, indexers first. */
export function memberNames(indexers: number, nodes: number): readonly string[] {
  return [
    ...Array.from({ length: indexers }, (_, index) => `indexer-${index + 1}`),
    ...Array.from({ length: nodes }, (_, index) => nodeName(index)),
  ];
}

/** Indexers seed one another; the first node is seeded on the second indexer, the second on the first, and so on. */
export function planDemo(options: PlanOptions): readonly PlannedMember[] {
  const { indexers, nodes, ports, indexerIds } = options;
  const addresses = indexerIds.map((id, index) => `/ip4/127.0.0.1/tcp/${ports[index]}/p2p/${id}`);
  return memberNames(indexers, nodes).map((name, index) => {
    const isIndexer = index < indexers;
    const seeds = isIndexer
      ? addresses.filter((_, other) => other !== index)
      : [addresses[(index - indexers + 1) % indexers] as string];
    return memberOf(options, { name, index, isIndexer, seeds });
  });
}

function memberOf(
  { indexers, nodes, ports, folder, pskPath, logLevel }: PlanOptions,
  member: {
    readonly name: string;
    readonly index: number;
    readonly isIndexer: boolean;
    readonly seeds: readonly string[];
  },
): PlannedMember {
  const own = join(folder, member.name);
  const port = ports[member.index] ?? 0;
  return {
    name: member.name,
    role: member.isIndexer ? 'indexer' : 'node',
    port,
    folder: own,
    flags: {
      'node-mode': member.isIndexer ? 'indexer' : 'node',
      name: member.name,
      'node-endpoint-port': String(port),
      'listen-host': '127.0.0.1',
      'allow-loopback': 'true',
      'indexer-addresses': member.seeds.join(','),
      'psk-path': pskPath,
      'private-key-path': join(own, 'private.pem'),
      'public-key-path': join(own, 'public.pem'),
      'store-url': `file:${join(own, 'data')}`,
      'status-port': 'any',
      // They all come at once, from one address, and are no strangers.
      'max-conn-per-window': String(Math.max(20, indexers + nodes)),
      'log-level': logLevel,
    },
  };
}
