/**
 * The cold part of a node: what lookups show and rarely changes. In memory it is one block of bytes whose first part
 * is laid out as the binary lookup reply wants it (spec 2.5), so that a lookup is one copy. The key stands there too:
 *
 * | part | layout |
 * |---|---|
 * | networks | u16 BE count, count x u16 BE |
 * | key | u8 + public key, length 0 when there is none |
 * | names | u8 + hostname, u8 tag count, tags as u8 + bytes |
 * | address | u16 BE + real_addr |
 * | rest | u16 BE + version, u8 count + LAN addresses as u8 + bytes, u16 BE + owner, u16 BE + external id |
 * | rare | u32 BE + JSON of {@link RareFields}, length 0 when there are none |
 */
export interface NodeProfile {
  /** Ids of the networks, ascending by time of joining; 0 (the backbone) first while the node is live. */
  readonly networks: readonly number[];
  readonly hostname: string;
  readonly tags: readonly string[];
  /** `host:port` as it is shown to those who may see it. */
  readonly realAddr: string;
  readonly version: string;
  readonly lanAddrs: readonly string[];
  readonly owner: string;
  readonly externalId: string;
  readonly rare: RareFields;
}

/** Fields that few nodes have. Absent members are not stored. */
export interface RareFields {
  readonly badge?: string;
  readonly badgeSig?: string;
  readonly verificationProvider?: string;
  /** RFC 3339. */
  readonly verifiedAt?: string;
  readonly recoveryCommitment?: string;
  readonly recoveryProvider?: string;
  readonly recoveryConsumedNonce?: string;
  /** Unix seconds. */
  readonly recoveryConsumedExp?: number;
  /** Members of an imported node that Muster does not know; kept for the way back. */
  readonly unknown?: Readonly<Record<string, unknown>>;
}

export const emptyProfile: NodeProfile = {
  networks: [],
  hostname: '',
  tags: [],
  realAddr: '',
  version: '',
  lanAddrs: [],
  owner: '',
  externalId: '',
  rare: {},
};

let scratch = Buffer.allocUnsafeSlow(4096);

/** Encodes a profile and the key of its node into a scratch buffer that the next call overwrites. */
export function encodeProfile(profile: NodeProfile, key?: Uint8Array): Buffer {
  const rareText = hasMembers(profile.rare) ? JSON.stringify(profile.rare) : '';
  const needed = profileBound(profile, rareText);
  if (needed > scratch.length) scratch = Buffer.allocUnsafeSlow(needed * 2);
  const out = scratch;
  let at = out.writeUInt16BE(profile.networks.length, 0);
  for (const id of profile.networks) at = out.writeUInt16BE(id, at);
  out[at++] = key?.length ?? 0;
  if (key !== undefined) out.set(key, at);
  at += key?.length ?? 0;
  at = writeShort(out, at, profile.hostname);
  out[at++] = profile.tags.length;
  for (const tag of profile.tags) at = writeShort(out, at, tag);
  at = writeMedium(out, at, profile.realAddr);
  at = writeMedium(out, at, profile.version);
  out[at++] = profile.lanAddrs.length;
  for (const address of profile.lanAddrs) at = writeShort(out, at, address);
  at = writeMedium(out, at, profile.owner);
  at = writeMedium(out, at, profile.externalId);
  const rareLength = out.write(rareText, at + 4, 'utf8');
  out.writeUInt32BE(rareLength, at);
  return out.subarray(0, at + 4 + rareLength);
}

/** Decodes the profile at `offset`. */
export function decodeProfile(buffer: Buffer, offset: number): NodeProfile {
  let at = offset;
  const networks: number[] = [];
  const networkCount = buffer.readUInt16BE(at);
  at += 2;
  for (let i = 0; i < networkCount; i++, at += 2) networks.push(buffer.readUInt16BE(at));
  at += 1 + (buffer[at] as number);
  const short = (): string => {
    const length = buffer[at] as number;
    const text = buffer.toString('utf8', at + 1, at + 1 + length);
    at += 1 + length;
    return text;
  };
  const medium = (): string => {
    const length = buffer.readUInt16BE(at);
    const text = buffer.toString('utf8', at + 2, at + 2 + length);
    at += 2 + length;
    return text;
  };
  const list = (): string[] => Array.from({ length: buffer[at++] as number }, short);
  const hostname = short();
  const tags = list();
  const realAddr = medium();
  const version = medium();
  const lanAddrs = list();
  const owner = medium();
  const externalId = medium();
  const rareLength = buffer.readUInt32BE(at);
  const rare =
    rareLength === 0 ? {} : (JSON.parse(buffer.toString('utf8', at + 4, at + 4 + rareLength)) as RareFields);
  return { networks, hostname, tags, realAddr, version, lanAddrs, owner, externalId, rare };
}

/** Offset of the length byte in front of the key of the profile at `offset`. */
export function keyOffset(buffer: Buffer, offset: number): number {
  return offset + 2 + 2 * (((buffer[offset] as number) << 8) | (buffer[offset + 1] as number));
}

/** Offset of the hostname's length byte, behind the key. */
export function namesOffset(buffer: Buffer, offset: number): number {
  const key = keyOffset(buffer, offset);
  return key + 1 + (buffer[key] as number);
}

/** Where the indexed names of a profile are: set by {@link locateNames}. */
export const names = { hostnameAt: 0, hostnameBytes: 0, ownerAt: 0, ownerBytes: 0 };

/** Finds the indexed names of the profile at `offset` and notes them in {@link names}. No allocation. */
export function locateNames(buffer: Buffer, offset: number): void {
  let at = namesOffset(buffer, offset);
  names.hostnameBytes = buffer[at] as number;
  names.hostnameAt = at + 1;
  at = skipList(buffer, at + 1 + names.hostnameBytes);
  at += 2 + (((buffer[at] as number) << 8) | (buffer[at + 1] as number));
  at += 2 + (((buffer[at] as number) << 8) | (buffer[at + 1] as number));
  at = skipList(buffer, at);
  names.ownerBytes = ((buffer[at] as number) << 8) | (buffer[at + 1] as number);
  names.ownerAt = at + 2;
}

/** Decodes only the indexed names of the profile at `offset`. */
export function decodeNames(buffer: Buffer, offset: number): { hostname: string; owner: string } {
  locateNames(buffer, offset);
  const { hostnameAt, hostnameBytes, ownerAt, ownerBytes } = names;
  return {
    hostname: hostnameBytes === 0 ? '' : buffer.toString('utf8', hostnameAt, hostnameAt + hostnameBytes),
    owner: ownerBytes === 0 ? '' : buffer.toString('utf8', ownerAt, ownerAt + ownerBytes),
  };
}

/** Length in bytes of the profile at `offset`. */
export function profileLength(buffer: Buffer, offset: number): number {
  let at = namesOffset(buffer, offset);
  at += 1 + (buffer[at] as number);
  at = skipList(buffer, at);
  at += 2 + buffer.readUInt16BE(at);
  at += 2 + buffer.readUInt16BE(at);
  at = skipList(buffer, at);
  at += 2 + buffer.readUInt16BE(at);
  at += 2 + buffer.readUInt16BE(at);
  return at + 4 + buffer.readUInt32BE(at) - offset;
}

/** Skips a list of u8-prefixed texts and answers the offset behind it. */
export function skipList(buffer: Buffer, at: number): number {
  let remaining = buffer[at++] as number;
  while (remaining-- > 0) at += 1 + (buffer[at] as number);
  return at;
}

function hasMembers(value: object): boolean {
  for (const _ in value) return true;
  return false;
}

function profileBound(profile: NodeProfile, rareText: string): number {
  let bound = 128 + 2 * profile.networks.length + 3 * (profile.hostname.length + profile.realAddr.length);
  bound += 3 * (profile.version.length + profile.owner.length + profile.externalId.length + rareText.length);
  for (const tag of profile.tags) bound += 1 + 3 * tag.length;
  for (const address of profile.lanAddrs) bound += 1 + 3 * address.length;
  return bound;
}

function writeShort(out: Buffer, at: number, text: string): number {
  const length = out.write(text, at + 1, 255, 'utf8');
  out[at] = length;
  return at + 1 + length;
}

function writeMedium(out: Buffer, at: number, text: string): number {
  const length = out.write(text, at + 2, Math.min(65_535, out.length - at - 2), 'utf8');
  out.writeUInt16BE(length, at);
  return at + 2 + length;
}
