/**
 * The last lists of members that processes of a fleet have kept, for who has to do without the registry: they tell which key was
 * registered for a name, and nothing of where its holder is now.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { derivedDid } from '@muster/discovery/records';
import type { ListedMember } from '../membership/confirmed-list.ts';
import { type ConfirmedMembers, readMembersFile } from '../membership/members-file.ts';
import type { Query } from './query.ts';

/** Files that are read: those of more members say the same. */
const MAX_FILES = 16;
const FILE = 'members.json';

export class KnownMembers {
  readonly #list: ConfirmedMembers | undefined;
  readonly #byPeer: ReadonlyMap<string, ListedMember>;

  /** `list` undefined: nothing is known. */
  constructor(list: ConfirmedMembers | undefined) {
    this.#list = list;
    this.#byPeer = new Map(list?.members.map((member) => [member.peerId, member]));
  }

  /** Epoch milliseconds; undefined when nothing is known. */
  get confirmedAt(): number | undefined {
    return this.#list?.confirmedAt;
  }

  member(peerId: string): ListedMember | undefined {
    return this.#byPeer.get(peerId);
  }

  /** The member that has this hostname. */
  named(hostname: string | undefined): ListedMember | undefined {
    return hostname === undefined ? undefined : this.#list?.members.find(({ name }) => name === hostname);
  }

  /** Those that a question is about. */
  match(query: Query): readonly ListedMember[] {
    const members = this.#list?.members ?? [];
    switch (query.kind) {
      case 'node':
        return members.filter(({ nodeId }) => nodeId === query.nodeId);
      case 'key':
        return members.filter(({ peerId }) => peerId === query.peerId);
      case 'did':
        return members.filter(({ peerId }) => derivedDid(peerId) === query.did);
      case 'tag':
        return members.filter(({ tags }) => tags.includes(query.tag));
      case 'name': {
        const named = this.named(query.hostname);
        const tag = query.text.toLowerCase();
        return named === undefined ? members.filter(({ tags }) => tags.includes(tag)) : [named];
      }
      default:
        return query satisfies never;
    }
  }
}

/** The list that was confirmed last, of these files and of the folders of members in these folders. Never rejects. */
export async function readKnownMembers(places: {
  readonly files: readonly string[];
  readonly folders: readonly string[];
}): Promise<KnownMembers> {
  const inFolders = await Promise.all(places.folders.map(memberFiles));
  const paths = [...places.files, ...inFolders.flat().slice(0, MAX_FILES)];
  let newest: ConfirmedMembers | undefined;
  for (const path of paths) {
    const found = await readMembersFile(path);
    if (found.kind === 'found' && found.list.confirmedAt > (newest?.confirmedAt ?? -1)) newest = found.list;
  }
  return new KnownMembers(newest);
}

async function memberFiles(folder: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.flatMap((entry) => (entry.isDirectory() ? [join(folder, entry.name, FILE)] : []));
  } catch {
    // A folder that is not there tells nothing.
    return [];
  }
}
