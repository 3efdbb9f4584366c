/** Who may not reach whom, when a fleet is cut into groups. */

/** One member as a cut sees it. */
export interface CutMember {
  readonly name: string;
  readonly peerId: string | undefined;
  /** `host:port` of what it listens on for other members. */
  readonly endpoints: readonly string[];
}

/** What a member is told over its channel: whom it no longer reaches, and who no longer reaches it. Empty lists heal. */
export interface CutMessage {
  readonly type: 'cut';
  readonly peers: readonly string[];
  readonly addresses: readonly string[];
}

/** Nobody is cut off. */
export const HEALED: CutMessage = { type: 'cut', peers: [], addresses: [] };

/**
 * What a member is to be told: everybody in other groups than its own. Who is in no group reaches everybody, and is reached.
 */
export function cutFor(
  name: string,
  groups: readonly (readonly string[])[],
  members: readonly CutMember[],
): CutMessage {
  const own = groups.findIndex((group) => group.includes(name));
  if (own < 0) return HEALED;
  const others = new Set(groups.flatMap((group, index) => (index === own ? [] : group)));
  const cutOff = members.filter((member) => others.has(member.name) && member.name !== name);
  return {
    type: 'cut',
    peers: cutOff.flatMap(({ peerId }) => (peerId === undefined ? [] : [peerId])),
    addresses: [...new Set(cutOff.flatMap(({ endpoints }) => endpoints))],
  };
}
