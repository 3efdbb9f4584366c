/** What a person, or a script, is told of an answer. */
import type { Located } from '@muster/core';
import { derivedDid } from '@muster/discovery/records';
import { facts } from '../cli/table.ts';
import type { Found } from './find.ts';

/** Facts beside the answer. */
export interface FoundContext {
  readonly what: string;
  /** `host:port`. */
  readonly registry: string;
  readonly ms: number;
  /** When the list of members was confirmed that signatures were compared with, epoch; undefined: there was none. */
  readonly membersConfirmedAt: number | undefined;
  readonly now: number;
}

/** One object for scripts. Names of members are camel case, times milliseconds. */
export function foundJson(
  { source, located, conflicts, registryFailure }: Found,
  context: FoundContext,
): object {
  const { what, registry, ms, membersConfirmedAt } = context;
  return {
    what,
    source,
    registry,
    registryUnreachable: registryFailure?.message ?? null,
    ms: Math.round(ms),
    membersConfirmedAt: source === 'overlay' ? (membersConfirmedAt ?? null) : null,
    located: located.map(({ publicKey, ...facts }) => ({
      ...facts,
      overlayDid: derivedDid(facts.peerId),
      publicKey: Buffer.from(publicKey).toString('base64'),
    })),
    conflicts,
  };
}

/** The text for people: one block a peer, each with where it is from. */
export function foundText(found: Found, context: FoundContext): string {
  return found.located.map((peer) => blockOf(peer, found, context)).join('\n\n');
}

function blockOf(peer: Located, found: Found, context: FoundContext): string {
  const { name, peerId, nodeId, did, tags, addresses } = peer;
  return facts([
    ['name', name === undefined ? undefined : printable(name)],
    ['peer id', peerId],
    ['node id', nodeId === undefined ? undefined : nodeText(peer, context)],
    ['DID', did],
    ['overlay DID', derivedDid(peerId)],
    ['tags', tags.length === 0 ? undefined : tags.join(', ')],
    ['addresses', addresses.length === 0 ? 'not told' : printable(addresses.join(', '))],
    ['source', sourceText(peer, found, context)],
    ['proof', proofText(peer, context)],
  ]);
}

/** Texts of others do not move a terminal, nor make lines of their own. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '\u{fffd}');
}

function nodeText({ nodeId, source }: Located, context: FoundContext): string {
  return source === 'registry' ? String(nodeId) : `${nodeId} (as the registry told ${listAge(context)})`;
}

function sourceText({ ageMs, stalenessBoundMs }: Located, found: Found, { registry }: FoundContext): string {
  const age = ageMs === undefined ? 'of unknown age' : `confirmed ${span(ageMs)} ago`;
  const label = `${age}, may be stale by up to ${span(stalenessBoundMs)}`;
  if (found.source === 'registry') return `registry (authority), ${label}`;
  const why = found.registryFailure;
  return why === undefined
    ? `overlay (signed by the peer), ${label}; the registry was not asked`
    : `overlay (signed by the peer), ${label}; the registry at ${registry} does not answer: ${why.message}`;
}

function proofText({ proof }: Located, context: FoundContext): string {
  switch (proof) {
    case 'authority':
      return 'the registry itself';
    case 'signed':
      return `signed with the registered key, as the registry told it ${listAge(context)}`;
    case 'self-signed':
      return context.membersConfirmedAt === undefined
        ? 'self-signed: no list of members says which key is registered'
        : `self-signed: the key was not among the members ${listAge(context)}`;
    default:
      return proof satisfies never;
  }
}

function listAge({ membersConfirmedAt, now }: FoundContext): string {
  return `${span(now - (membersConfirmedAt ?? now))} ago`;
}

const UNITS: readonly (readonly [unit: string, ms: number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
];

/** `2 s`, `180 s`, `15 min`: in a unit that loses little. */
export function span(ms: number): string {
  const [unit, unitMs] = UNITS.find(([, each]) => ms >= 10 * each) ?? ['s', 1_000];
  return `${Math.max(0, Math.round(ms / unitMs))} ${unit}`;
}
