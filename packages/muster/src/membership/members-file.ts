/**
 * The last list of members that a registry has confirmed, in a file, so that a start without the registry knows whom to admit and
 * whom to begin with.
 *
 * Fault model: the process may die at any moment, the disk may be full, the file may be cut off, of another registry, of another
 * version, or written by somebody else. What is read is either a whole list of the registry and network that it was asked for, or
 * nothing, with the reason. It holds no secrets, but who is in the fleet: mode 0600.
 */
import { randomUUID } from 'node:crypto';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode, makeDirectories } from '@muster/core';
import { KEY_BYTES, peerIdOf } from '@muster/core/identity';
import type { ListedMember } from './confirmed-list.ts';

/** Longest file that is read: some 200,000 members. */
export const MAX_FILE_BYTES = 64 * 1_048_576;
/** Members of one network that are kept; more are not taken. */
export const MAX_MEMBERS = 200_000;

/** Which list it is. */
export interface ListPlace {
  /** `host:port` of the registry. */
  readonly registry: string;
  readonly network: number;
}

/** A list, and when the registry has confirmed it. */
export interface ConfirmedMembers extends ListPlace {
  /** Milliseconds since the epoch. */
  readonly confirmedAt: number;
  readonly members: readonly ListedMember[];
}

/** What was found in the place of a file. `unusable` says why, for a person. */
export type FoundMembers =
  | { readonly kind: 'found'; readonly list: ConfirmedMembers }
  | { readonly kind: 'none' }
  | { readonly kind: 'unusable'; readonly reason: string };

/** Reads a list. Never rejects. */
export async function readMembersFile(path: string, place?: ListPlace): Promise<FoundMembers> {
  let text: string;
  try {
    const { size } = await stat(path);
    if (size > MAX_FILE_BYTES) return { kind: 'unusable', reason: `has more than ${MAX_FILE_BYTES} bytes` };
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return { kind: 'none' };
    return { kind: 'unusable', reason: `cannot be read (${errorCode(error) ?? String(error)})` };
  }
  const list = parseList(text);
  if (list === undefined) return { kind: 'unusable', reason: 'is damaged, or no list of members' };
  if (place !== undefined && (place.registry !== list.registry || place.network !== list.network)) {
    return { kind: 'unusable', reason: `is of network ${list.network} of ${list.registry}` };
  }
  return { kind: 'found', list };
}

/** Writes a list beside the old one and puts it in its place. Rejects with the system's error; the old one is there then. */
export async function writeMembersFile(path: string, list: ConfirmedMembers): Promise<void> {
  await makeDirectories(dirname(path), { mode: 0o700 });
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(`${JSON.stringify(asJson(list))}\n`);
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

function asJson({ registry, network, confirmedAt, members }: ConfirmedMembers): object {
  return {
    version: 1,
    registry,
    network,
    confirmedAt,
    members: members.map(({ publicKey, nodeId, name, tags, addresses, isLive }) => ({
      publicKey: Buffer.from(publicKey).toString('base64'),
      nodeId,
      name,
      tags,
      addresses,
      isLive,
    })),
  };
}

function parseList(text: string): ConfirmedMembers | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(value) || value['version'] !== 1) return undefined;
  const { registry, network, confirmedAt, members } = value;
  if (typeof registry !== 'string' || !isWhole(network) || !isWhole(confirmedAt)) return undefined;
  if (!Array.isArray(members) || members.length > MAX_MEMBERS) return undefined;
  const read = members.map(parseMember);
  if (!read.every((member) => member !== undefined)) return undefined;
  return { registry, network, confirmedAt, members: read };
}

function parseMember(value: unknown): ListedMember | undefined {
  if (!isRecord(value)) return undefined;
  const { publicKey: text, nodeId, name, tags, addresses, isLive } = value;
  if (typeof text !== 'string' || !isTexts(tags) || !isTexts(addresses)) return undefined;
  if (typeof isLive !== 'boolean' || (nodeId !== undefined && !isWhole(nodeId))) return undefined;
  if (name !== undefined && typeof name !== 'string') return undefined;
  const publicKey = Uint8Array.from(Buffer.from(text, 'base64'));
  if (publicKey.length !== KEY_BYTES) return undefined;
  return { publicKey, peerId: peerIdOf(publicKey), nodeId, name, tags, addresses, isLive };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isWhole(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
