/**
 * Whether the registry and the overlay speak of the same peers: what is registered is met, what is met is registered, and names and
 * keys are the same on both sides. Views of the overlay lag behind by a heartbeat, so that somebody who is missing there is a doubt,
 * and another key under a known name is none.
 */
import { type Finding, ok, problem, warning } from '../finding.ts';
import type { RegisteredNode } from '../probes/registry.ts';
import type { ExpectedMember } from '../subject.ts';

/** Names that are told of a longer list. */
const MAX_NAMES = 8;
const OVERLAY_ROLES: ReadonlySet<string> = new Set(['node', 'indexer']);
const MIRROR_ROLE = 'mirror';

/** A peer that somebody in the overlay knows. */
export interface MetPeer {
  readonly peerId: string;
  readonly name: string | undefined;
}

/** A service that told its own peer id. */
export interface SelfDescription {
  readonly owner: string;
  readonly peerId: string;
}

export interface AgreementFacts {
  /** `host:port` */
  readonly registry: string;
  readonly network: number | undefined;
  readonly registered: readonly RegisteredNode[];
  /** The list was too long to be compared as a whole. */
  readonly isCut: boolean;
  /** Peers that nodes and indexers know; undefined when none of them could be asked. */
  readonly met: readonly MetPeer[] | undefined;
  /** Mirrors that mirrors know; undefined when none of them could be asked. */
  readonly mirrors: readonly MetPeer[] | undefined;
  readonly selves: readonly SelfDescription[];
  /** Of the fleet file. */
  readonly expected: readonly ExpectedMember[];
}

export function examineAgreement(facts: AgreementFacts): readonly Finding[] {
  const findings = [
    ...examineKeys(facts),
    ...examineNames(facts),
    ...examineStrangers(facts),
    ...examineMissing(facts),
  ];
  if (findings.length > 0) return findings;
  const compared = facts.registered.filter(({ peerId }) => peerId !== undefined).length;
  if (facts.met === undefined && facts.mirrors === undefined) return [];
  const sides = [
    facts.met === undefined ? undefined : `${facts.met.length} in the overlay`,
    facts.mirrors === undefined ? undefined : `${facts.mirrors.length} mirrors`,
  ].filter((side) => side !== undefined);
  return [
    ok(placeOf(facts), `${compared} registered, ${sides.join(', ')}: the same peers, with the same keys`),
  ];
}

function placeOf({ registry, network }: AgreementFacts): string {
  return network === undefined ? `registry ${registry}` : `registry ${registry}, network ${network}`;
}

/** What the fleet file, the service itself and the registry say of one peer. */
function examineKeys({ expected, selves, registered }: AgreementFacts): readonly Finding[] {
  const told = new Map(selves.map(({ owner, peerId }) => [owner, peerId]));
  const byId = new Map(registered.map((node) => [node.nodeId, node]));
  return expected.flatMap(({ name, peerId, nodeId, state }) => {
    if (peerId === undefined || state !== 'running') return [];
    const fix = `Stop ${name}, give it its own key again, and start it; one key is one peer.`;
    const own = told.get(name);
    if (own !== undefined && own !== peerId)
      return [problem(name, `it runs as ${own}, and was started as ${peerId}`, fix)];
    const node = nodeId === undefined ? undefined : byId.get(nodeId);
    if (node?.peerId !== undefined && node.peerId !== peerId)
      return [
        problem(name, `node ${nodeId} of the registry has the key of ${node.peerId}, not of ${peerId}`, fix),
      ];
    return [];
  });
}

/** One name, two keys. */
function examineNames({ registered, met = [], mirrors = [] }: AgreementFacts): readonly Finding[] {
  const byName = new Map(
    registered.flatMap((node) => (node.name === undefined ? [] : [[node.name, node] as const])),
  );
  const seen = new Set<string>();
  return [...met, ...mirrors].flatMap(({ name, peerId }) => {
    const node = name === undefined ? undefined : byName.get(name);
    if (name === undefined || node?.peerId === undefined || node.peerId === peerId || seen.has(name))
      return [];
    seen.add(name);
    return [
      problem(
        name,
        `the registry knows ${name} as ${node.peerId}, the overlay as ${peerId}`,
        `One of them is another peer that took the name: compare with muster keys show --key <its key>, and change --name or --hostname of the other.`,
      ),
    ];
  });
}

/** In the overlay and not in the registry: whoever admits by the registry will not let them in. */
function examineStrangers(facts: AgreementFacts): readonly Finding[] {
  if (facts.isCut) return [];
  const known = new Set(facts.registered.flatMap(({ peerId }) => (peerId === undefined ? [] : [peerId])));
  const hidden = facts.registered.filter(({ peerId }) => peerId === undefined).length;
  const names = new Map(
    [...(facts.met ?? []), ...(facts.mirrors ?? [])].map(({ peerId, name }) => [peerId, name]),
  );
  const strangers = [...names].filter(([peerId]) => !known.has(peerId));
  if (strangers.length === 0 || hidden > 0) return [];
  return [
    warning(
      'peers that are not registered',
      `${listOf(strangers.map(([peerId, name]) => name ?? peerId))}: met, and not in ${placeOf(facts)}`,
      'Start them with --registry and --registry-network, or join the network; if nobody knows them, make a new pre-shared key (muster keys psk).',
    ),
  ];
}

/** In the registry and not in the overlay. */
function examineMissing(facts: AgreementFacts): readonly Finding[] {
  const gone = new Set(facts.expected.filter(({ state }) => state !== 'running').map(({ name }) => name));
  const absent = (
    roles: ReadonlySet<string>,
    met: readonly MetPeer[] | undefined,
  ): readonly RegisteredNode[] => {
    if (met === undefined) return [];
    const ids = new Set(met.map(({ peerId }) => peerId));
    return facts.registered.filter(
      ({ peerId, tags, isOnline, name = '' }) =>
        isOnline &&
        peerId !== undefined &&
        !ids.has(peerId) &&
        !gone.has(name) &&
        tags.some((tag) => roles.has(tag)),
    );
  };
  const nameOf = ({ name, nodeId }: RegisteredNode): string => name ?? `node ${nodeId}`;
  const peers = absent(OVERLAY_ROLES, facts.met);
  const mirrors = absent(new Set([MIRROR_ROLE]), facts.mirrors);
  return [
    ...(peers.length === 0
      ? []
      : [
          warning(
            'peers that nobody meets',
            `${listOf(peers.map(nameOf))}: registered and alive in ${placeOf(facts)}, and not in the overlay`,
            'If they do not run, deregister them (muster nodes deregister). Else compare their --psk-path, --indexer-addresses and the address that they have registered.',
          ),
        ]),
    ...(mirrors.length === 0
      ? []
      : [
          warning(
            'mirrors that nobody meets',
            `${listOf(mirrors.map(nameOf))}: registered and alive in ${placeOf(facts)}, and in no mirror's list of members`,
            'Compare their network (members-network), their tags (mirror, transfer-<port>, p2p-<port>) and their key with the identity of the mirror.',
          ),
        ]),
  ];
}

function listOf(names: readonly string[]): string {
  const shown = names.slice(0, MAX_NAMES).join(', ');
  return names.length > MAX_NAMES ? `${shown} and ${names.length - MAX_NAMES} more` : shown;
}
