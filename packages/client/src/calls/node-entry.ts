import { compact, type Fields, type Message } from '../reply.ts';

/** An identity that somebody vouches for, attached to a node with `submitBadge`. */
export interface Badge {
  readonly statement: string;
  readonly signature: string;
  readonly provider: string;
  readonly verifiedAtMs?: number;
}

/** One member of a network. */
export type NodeEntry = LiveNode | OfflineNode;

/** A member that the registry hears from. */
export interface LiveNode {
  readonly state: 'live';
  readonly nodeId: number;
  /** Virtual address in the network that was listed. */
  readonly address: string;
  readonly visibility: 'public' | 'private';
  readonly hostname?: string;
  readonly tags: readonly string[];
  readonly taskExec: boolean;
  readonly version?: string;
  /** `host:port`; public nodes only. */
  readonly realAddress?: string;
  readonly lastSeenMs?: number;
  readonly role?: string;
  readonly memberTags: readonly string[];
  readonly badge?: Badge;
  /** In the administrator's list of all nodes only. */
  readonly externalId?: string;
  /** The entry as received. */
  readonly message: Message;
}

/** A member that the registry has not heard from for so long that only the membership is left. */
export interface OfflineNode {
  readonly state: 'offline';
  readonly nodeId: number;
  readonly address: string;
  readonly role?: string;
  readonly memberTags: readonly string[];
  readonly message: Message;
}

/** Reads an entry of `list_nodes` (registry spec section 8.3). Throws PROTOCOL. */
export function readNodeEntry(fields: Fields): NodeEntry {
  const member = {
    nodeId: fields.number('node_id'),
    address: fields.text('address'),
    role: fields.optionalText('role'),
    memberTags: fields.texts('member_tags'),
    message: fields.message,
  };
  if (fields.flag('offline')) return compact<OfflineNode>({ state: 'offline', ...member });
  return compact<LiveNode>({
    state: 'live',
    ...member,
    visibility: fields.flag('public') ? 'public' : 'private',
    hostname: fields.optionalText('hostname'),
    tags: fields.texts('tags'),
    taskExec: fields.flag('task_exec'),
    version: fields.optionalText('version'),
    realAddress: fields.optionalText('real_addr'),
    lastSeenMs: fields.timeMs('last_seen'),
    badge: readBadge(fields),
    externalId: fields.optionalText('external_id'),
  });
}

/** The badge of a node; undefined when it has none. */
export function readBadge(fields: Fields): Badge | undefined {
  const statement = fields.optionalText('badge');
  if (statement === undefined || statement === '') return undefined;
  return compact<Badge>({
    statement,
    signature: fields.optionalText('badge_sig') ?? '',
    provider: fields.optionalText('verification_provider') ?? '',
    verifiedAtMs: fields.timeMs('verified_at'),
  });
}
