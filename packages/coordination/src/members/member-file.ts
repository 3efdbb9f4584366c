/** The JSON form of members in files (coordination spec 18.4). */

import { coordinationErrors } from '../errors.ts';
import type { ClusterNode } from '../types.ts';

/** An entry of the file: a node, and whether it takes part. */
export interface MemberEntry {
  readonly node: ClusterNode;
  readonly isReady: boolean;
}

/** Longer files are refused: 10,000 nodes have about 3 MB. */
export const MAX_MEMBERS_FILE_BYTES = 16 * 1_048_576;
const MAX_NODES = 50_000;
const MAX_ADDRESSES = 64;
const MAX_TEXT = 1_024;

/** The entries of `{"nodes": [...]}`. Throws MEMBERS_INVALID; then nothing of the file counts. */
export function parseMembersFile(text: string): readonly MemberEntry[] {
  const { nodes } = objectOf(parseJson(text), 'the file');
  if (!Array.isArray(nodes) || nodes.length > MAX_NODES) throw invalid('`nodes` is no list');
  const entries = nodes.map((node: unknown, index) => entryOf(node, `node ${index + 1}`));
  const ids = new Set<string>();
  for (const { node } of entries) {
    if (ids.has(node.id)) throw invalid(`two nodes have the id ${node.id}`);
    ids.add(node.id);
  }
  return entries;
}

/** The one entry of a file of the announce folder. Throws MEMBERS_INVALID. */
export function parseMemberEntry(text: string): MemberEntry {
  return entryOf(parseJson(text), 'the entry');
}

/** The text of a file of the announce folder. */
export function formatMemberEntry({ node, isReady }: MemberEntry): string {
  const entry = {
    id: node.id,
    addr: node.addr,
    zone: node.zone,
    peer_id: node.peerId,
    p2p_addrs: node.p2pAddrs,
    ready: isReady,
  };
  return `${JSON.stringify(entry)}\n`;
}

function entryOf(value: unknown, what: string): MemberEntry {
  const entry = objectOf(value, what);
  const id = textOf(entry, 'id', what);
  if (id === '') throw invalid(`${what} has no id`);
  const { ready = true, p2p_addrs: addresses = [] } = entry;
  if (typeof ready !== 'boolean') throw invalid(`${what}: \`ready\` is neither true nor false`);
  if (!Array.isArray(addresses) || addresses.length > MAX_ADDRESSES || !addresses.every(isText)) {
    throw invalid(`${what}: \`p2p_addrs\` is no list of texts`);
  }
  const node = {
    id,
    addr: textOf(entry, 'addr', what),
    zone: textOf(entry, 'zone', what),
    peerId: textOf(entry, 'peer_id', what),
    p2pAddrs: addresses.map((address: string) => address.trim()).filter((address) => address !== ''),
  };
  return { node, isReady: ready };
}

function textOf(entry: Readonly<Record<string, unknown>>, key: string, what: string): string {
  const value = entry[key] ?? '';
  if (!isText(value)) throw invalid(`${what}: \`${key}\` is no text`);
  return value.trim();
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_TEXT;
}

function objectOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(`${what} is no object`);
  return value as Readonly<Record<string, unknown>>;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw coordinationErrors.create('MEMBERS_INVALID', 'the list of members is no JSON', { cause });
  }
}

function invalid(message: string): Error {
  return coordinationErrors.create('MEMBERS_INVALID', `the list of members is not valid: ${message}`);
}
