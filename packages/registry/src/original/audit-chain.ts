import { createHash } from 'node:crypto';
import type { OriginalAuditEntry } from './types.ts';

/**
 * The hash of an audit entry: lower-case hex SHA-256 over previous hash text, timestamp text, action, network id (u16
 * big-endian), node id (u32 big-endian) and details, without separators (spec §13.1).
 */
export function originalAuditHash(entry: Omit<OriginalAuditEntry, 'hash'>): string {
  const ids = Buffer.alloc(6);
  ids.writeUInt16BE(entry.networkId, 0);
  ids.writeUInt32BE(entry.nodeId, 2);
  return createHash('sha256')
    .update(entry.prevHash)
    .update(entry.timestamp)
    .update(entry.action)
    .update(ids)
    .update(entry.details)
    .digest('hex');
}

/** Where an audit chain does not hold. */
export interface AuditChainBreak {
  /** Index of the entry in the list. */
  readonly index: number;
  /**
   * `hash`: the entry does not have the hash it carries, so it was altered. `link`: it does not follow the entry before
   * it, so entries were removed, added or reordered. `unhashed`: it carries no hash although one before it does.
   */
  readonly kind: 'hash' | 'link' | 'unhashed';
}

/**
 * Checks the audit entries of a snapshot. The first one may follow an entry that is no longer kept (the original keeps
 * the last 1,000), and entries before the first hash come from a server without a chain; neither is a break.
 */
export function verifyOriginalAuditChain(entries: readonly OriginalAuditEntry[]): AuditChainBreak[] {
  const breaks: AuditChainBreak[] = [];
  let previous: string | undefined;
  for (const [index, entry] of entries.entries()) {
    if (entry.hash === '' && entry.prevHash === '') {
      if (previous !== undefined) breaks.push({ index, kind: 'unhashed' });
      continue;
    }
    if (previous !== undefined && entry.prevHash !== previous) breaks.push({ index, kind: 'link' });
    if (originalAuditHash(entry) !== entry.hash) breaks.push({ index, kind: 'hash' });
    previous = entry.hash;
  }
  return breaks;
}
