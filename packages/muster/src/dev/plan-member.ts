/** Plans a member that is to be started: with ports that are free. */
import type { NewMember } from './fleet-control.ts';
import { planMirror, type PlannedMember, planOverlayMember, type SharedFacts } from './plan.ts';
import type { PortBook } from './port-book.ts';

export interface MemberSurroundings {
  readonly shared: SharedFacts;
  readonly ports: PortBook;
  /** `http://host:port` */
  readonly origin: string;
}

/** The plan of a node, an indexer or a mirror. Rejects ADDRESS_IN_USE when no port is free. */
export async function planMember(
  { role, name, misbehave }: NewMember & { readonly name: string },
  { shared, ports, origin }: MemberSurroundings,
): Promise<PlannedMember> {
  if (role === 'mirror') {
    return planMirror(shared, {
      name,
      mirrorPort: await ports.any(),
      transferPort: await ports.any(),
      opsPort: await ports.any(),
      p2pPort: await ports.any(),
      origin,
    });
  }
  return planOverlayMember(shared, {
    name,
    role,
    port: await ports.any(),
    statusPort: await ports.any(),
    ...(misbehave === undefined ? {} : { misbehaves: misbehave }),
  });
}
