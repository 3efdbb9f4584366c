/** Gathers what the registry and the overlay say of their peers, for the examiner that compares them. */
import { examineAgreement, type MetPeer, type SelfDescription } from './checks/agreement.ts';
import type { AskedEndpoint } from './examine.ts';
import { type Finding, warning } from './finding.ts';
import { getHttp, jsonOf } from './probes/http.ts';
import { registeredNodes } from './probes/registry.ts';
import type { Subject } from './subject.ts';

type Json = Readonly<Record<string, unknown>>;

/** Nothing to compare is no finding. */
export async function agreementOf(
  { registries, members }: Subject,
  asked: readonly AskedEndpoint[],
  timeoutMs: number,
): Promise<readonly Finding[]> {
  const [place] = registries.filter(
    ({ network, adminToken }) => network !== undefined || adminToken !== undefined,
  );
  if (place === undefined) return [];
  const met = await metPeers(asked, timeoutMs);
  const mirrors = knownMirrors(asked);
  if (met === undefined && mirrors === undefined && members.length === 0) return [];
  const list = await registeredNodes(place, timeoutMs);
  if (list.kind === 'failure') {
    return [
      warning(
        `registry ${place.address}`,
        `who is in it can't be asked: ${list.message}`,
        list.code === 'auth_admin'
          ? 'Give the admin token: --admin-token-file.'
          : `Change ${place.setting}; or see what is said of its reachability.`,
      ),
    ];
  }
  return examineAgreement({
    registry: place.address,
    network: place.network,
    registered: list.nodes,
    isCut: list.isCut,
    met,
    mirrors,
    selves: selvesOf(asked),
    expected: members,
  });
}

function selvesOf(asked: readonly AskedEndpoint[]): readonly SelfDescription[] {
  return asked.flatMap(({ endpoint, description }) => {
    const peerId = description?.[endpoint.kind === 'mirror' ? 'peerId' : 'peer_id'];
    return typeof peerId === 'string' ? [{ owner: endpoint.owner, peerId }] : [];
  });
}

/** Who nodes and indexers are and know; undefined when none of them answered. */
async function metPeers(
  asked: readonly AskedEndpoint[],
  timeoutMs: number,
): Promise<readonly MetPeer[] | undefined> {
  const answered = asked.filter(
    ({ endpoint, description }) => endpoint.kind === 'status' && description !== undefined,
  );
  if (answered.length === 0) return undefined;
  const peers = new Map<string, string | undefined>();
  const note = (peerId: unknown, name: unknown): void => {
    if (typeof peerId !== 'string') return;
    const known = peers.get(peerId);
    peers.set(peerId, known ?? (typeof name === 'string' && name !== '' ? name : undefined));
  };
  for (const { description = {} } of answered) note(description['peer_id'], description['name']);
  for (const { endpoint, description = {} } of answered) {
    for (const { peer_id: peerId } of listIn(objectIn(description, 'pool'), 'entries'))
      note(peerId, undefined);
    const roles: unknown = description['roles'];
    if (!Array.isArray(roles) || !roles.includes('indexer')) continue;
    const answer = await getHttp(`http://${endpoint.address}/indexer?limit=10000`, timeoutMs);
    const table = answer.kind === 'answer' ? jsonOf(answer.text) : undefined;
    for (const { peer_id: peerId, name } of listIn(table, 'nodes')) note(peerId, name);
  }
  return [...peers].map(([peerId, name]) => ({ peerId, name }));
}

/** Who mirrors take for their cluster; undefined when none of them answered. */
function knownMirrors(asked: readonly AskedEndpoint[]): readonly MetPeer[] | undefined {
  const answered = asked.flatMap(({ endpoint, description }) =>
    endpoint.kind === 'mirror' && description !== undefined ? [description] : [],
  );
  if (answered.length === 0) return undefined;
  const mirrors = new Map<string, string | undefined>();
  for (const description of answered) {
    // Who answers is met, also before it knows anybody.
    const { node, peerId: own } = description;
    if (typeof own === 'string') mirrors.set(own, typeof node === 'string' ? node : undefined);
    for (const { id, peerId } of listIn(objectIn(description, 'members'), 'snapshot')) {
      if (typeof peerId === 'string' && peerId !== '')
        mirrors.set(peerId, typeof id === 'string' ? id : undefined);
    }
  }
  return [...mirrors].map(([peerId, name]) => ({ peerId, name }));
}

function objectIn(from: Json | undefined, key: string): Json | undefined {
  const value = from?.[key];
  return typeof value === 'object' && value !== null ? (value as Json) : undefined;
}

function listIn(from: Json | undefined, key: string): readonly Json[] {
  const value = from?.[key];
  return Array.isArray(value)
    ? value.filter((each): each is Json => typeof each === 'object' && each !== null)
    : [];
}
