/** What a page asks, and shows, of a fleet that a supervisor runs. */
import type { FleetFile, FleetMember, MemberState } from '../fleet/fleet-file.ts';
import type { PageSource } from './page-sources.ts';
import type { PeerFact } from './model/inputs.ts';

/** A fleet, as far as a page needs it. */
export type ShownFleet = Pick<FleetFile, 'registry' | 'members'>;

/** The services of the members that run. A member that does not is not asked. */
export function sourcesOf({ registry, members }: ShownFleet): readonly PageSource[] {
  const runs = new Map(members.map((member) => [member.role, member]));
  const registryMember = runs.get('registry');
  return [
    ...(registryMember === undefined || isAsked(registryMember)
      ? [
          {
            kind: 'registry',
            id: 'registry',
            address: addressOf(registry.http),
            adminToken: { file: registry.adminTokenFile },
            name: registryMember?.name ?? 'registry',
          } as const,
        ]
      : []),
    ...members.flatMap((member): readonly PageSource[] => {
      const { name, role, status } = member;
      if (status === undefined || !isAsked(member)) return [];
      const address = addressOf(status);
      switch (role) {
        case 'node':
        case 'indexer':
          return [{ kind: 'status', id: `status:${name}`, address }];
        case 'mirror':
          return [{ kind: 'mirror', id: `mirror:${name}`, address }];
        case 'registry':
        case 'origin':
          return [];
        default:
          return role satisfies never;
      }
    }),
  ];
}

/** The processes, as their supervisor knows them. */
export function factsOf({ members }: ShownFleet): readonly PeerFact[] {
  return members.map(({ name, role, state, pid, peerId, nodeId, address }) => ({
    key: name,
    name,
    roles: [role],
    state: STATES[state],
    ...(peerId === undefined ? {} : { peerId }),
    ...(nodeId === undefined ? {} : { nodeId }),
    ...(address === undefined ? {} : { address }),
    ...(pid === undefined ? {} : { pid }),
  }));
}

const STATES: Readonly<Record<MemberState, PeerFact['state']>> = {
  starting: 'stale',
  running: 'online',
  paused: 'stale',
  killed: 'gone',
  stopped: 'gone',
  failed: 'gone',
};

function isAsked({ state }: FleetMember): boolean {
  return state === 'running' || state === 'paused';
}

/** `host:port` of an address that may be written as a URL. */
function addressOf(text: string): string {
  return text.replace(/^http:\/\//, '').replace(/\/.*$/, '');
}
