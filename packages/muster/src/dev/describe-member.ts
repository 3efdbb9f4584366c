/** What the ready line of a member says, as the fleet file has it. */
import type { FleetMember, FleetRole } from '../fleet/fleet-file.ts';

type Ready = Readonly<Record<string, unknown>>;

/** Facts of a member that has become ready. */
export function describeMember(role: FleetRole, ready: Ready): Partial<FleetMember> {
  switch (role) {
    case 'registry':
      return compact({ address: textOf(ready, 'address'), status: textOf(ready, 'http') });
    case 'origin':
      return compact({ address: textOf(ready, 'address') });
    case 'indexer':
    case 'node':
      return compact({
        peerId: textOf(ready, 'peerId'),
        address: firstAddress(ready),
        status: textOf(ready, 'status'),
      });
    case 'mirror':
      return compact({
        peerId: textOf(ready, 'peerId'),
        address: firstAddress(ready),
        status: textOf(ready, 'ops'),
        mirror: textOf(ready, 'mirror'),
      });
    default:
      return role satisfies never;
  }
}

function textOf(ready: Ready, key: string): string | undefined {
  const value = ready[key];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Multiaddr with `/p2p`. */
function firstAddress(ready: Ready): string | undefined {
  const addresses = ready['addresses'];
  const first: unknown = Array.isArray(addresses) ? addresses[0] : undefined;
  const peerId = textOf(ready, 'peerId');
  if (typeof first !== 'string') return undefined;
  return first.includes('/p2p/') || peerId === undefined ? first : `${first}/p2p/${peerId}`;
}

function compact(facts: Readonly<Record<string, string | undefined>>): Partial<FleetMember> {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined));
}
