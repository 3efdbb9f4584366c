/** Nodes as rows, as facts, and as JSON. */
import type { LookedUp, NodeEntry } from '@muster/client';
import { facts, table } from '../cli/table.ts';

const SECOND_MS = 1000;
const UNITS: readonly (readonly [name: string, ms: number])[] = [
  ['d', 86_400 * SECOND_MS],
  ['h', 3600 * SECOND_MS],
  ['m', 60 * SECOND_MS],
];

/** `12s ago`, in the one unit that fits. */
export function ago(timeMs: number | undefined, nowMs: number): string {
  if (timeMs === undefined) return '';
  const elapsedMs = Math.max(0, nowMs - timeMs);
  const [unit, ms] = UNITS.find(([, each]) => elapsedMs >= each) ?? ['s', SECOND_MS];
  return `${Math.floor(elapsedMs / ms)}${unit} ago`;
}

/** The table of a network's members. */
export function nodeTable(nodes: readonly NodeEntry[], nowMs: number): string {
  const headings = ['ID', 'ADDRESS', 'HOSTNAME', 'VISIBILITY', 'REAL ADDRESS', 'LAST SEEN', 'ROLE', 'TAGS'];
  const rows = nodes.map((node) => {
    if (node.state === 'offline') {
      return [String(node.nodeId), node.address, '', 'offline', '', '', node.role ?? '', ''];
    }
    const {
      nodeId,
      address,
      hostname = '',
      visibility,
      realAddress = '',
      lastSeenMs,
      role = '',
      tags,
    } = node;
    return [
      String(nodeId),
      address,
      hostname,
      visibility,
      realAddress,
      ago(lastSeenMs, nowMs),
      role,
      tags.join(','),
    ];
  });
  // A column that is empty throughout says nothing.
  const used = headings.flatMap((_, column) =>
    column < 2 || rows.some((row) => row[column] !== '') ? [column] : [],
  );
  const pick = (row: readonly string[]): string[] => used.map((column) => row[column] ?? '');
  return table(pick(headings), rows.map(pick));
}

/** A member, for scripts. */
export function nodeJson(node: NodeEntry): object {
  const { message: _, ...facts } = node;
  return node.state === 'live' ? withTimes(facts, node.lastSeenMs) : facts;
}

/** A looked-up node, as a person is told it. */
export function nodeFacts(node: LookedUp, nowMs: number): string {
  const key = node.publicKey === undefined ? undefined : Buffer.from(node.publicKey).toString('base64');
  return facts([
    ['id', String(node.nodeId)],
    ['address', node.address],
    ['hostname', node.hostname],
    ['visibility', node.visibility],
    ['real address', node.visibility === 'public' && node.realAddress !== '' ? node.realAddress : undefined],
    ['relay only', node.relayOnly === true ? 'yes' : undefined],
    ['networks', node.networks.join(', ')],
    ['tags', node.tags.length === 0 ? undefined : node.tags.join(', ')],
    ['version', node.version],
    ['public key', key],
    [
      'key changes',
      node.keyGeneration === undefined || node.keyGeneration === 0 ? undefined : String(node.keyGeneration),
    ],
    ['badge', node.badge === undefined ? undefined : `of ${node.badge.provider}`],
    ['last seen', node.lastSeenMs === undefined ? undefined : ago(node.lastSeenMs, nowMs)],
  ]);
}

/** A looked-up node, for scripts. */
export function lookedUpJson(node: LookedUp): object {
  const { raw: _, publicKey, ...facts } = node;
  const key = publicKey === undefined ? {} : { publicKey: Buffer.from(publicKey).toString('base64') };
  return withTimes({ ...facts, ...key }, node.lastSeenMs);
}

/** Times as RFC 3339 text, for whoever does not count milliseconds. */
function withTimes(facts: object, lastSeenMs: number | undefined): object {
  const { lastSeenMs: _, ...others } = facts as { readonly lastSeenMs?: number };
  return lastSeenMs === undefined ? others : { ...others, lastSeen: new Date(lastSeenMs).toISOString() };
}
