/** What a person looks for, read from one text. */
import { MAX_NODE_ID, parseAddress } from '@muster/client';
import { peerIdOf, publicKeyOfDid, publicKeyOfPeerId } from '@muster/core/identity';
import { cliErrors } from '../cli/cli-errors.ts';
import { hostnameOf } from '../membership/member-facts.ts';

/** Longest text that is looked for, in characters. */
export const MAX_QUERY_CHARS = 256;

export type Query =
  | { readonly kind: 'node'; readonly text: string; readonly nodeId: number }
  /** A peer id, or a `did:key`. */
  | { readonly kind: 'key'; readonly text: string; readonly peerId: string }
  /** A DID of the overlay, from which no key can be told. */
  | { readonly kind: 'did'; readonly text: string; readonly did: string }
  /** `#tag`, or any other text, which may be a name, too. */
  | { readonly kind: 'tag'; readonly text: string; readonly tag: string }
  | { readonly kind: 'name'; readonly text: string; readonly hostname: string | undefined };

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
// oxlint-disable-next-line no-control-regex -- they have no place in a name, and would reach a terminal
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f]/;

/** Throws USAGE for what can be none of these. */
export function parseQuery(given: string): Query {
  const text = given.trim();
  if (text === '' || text.length > MAX_QUERY_CHARS || UNPRINTABLE.test(text) || !text.isWellFormed()) {
    throw unusable('say whom to find, in at most 256 characters');
  }
  if (/^\d+$/.test(text)) return { kind: 'node', text, nodeId: nodeIdOf(text) };
  const address = parseAddress(text);
  if (address !== undefined) return { kind: 'node', text, nodeId: address.nodeId };
  if (text.startsWith('did:')) return { kind: 'key', text, peerId: keyOf(text, publicKeyOfDid) };
  if (text.startsWith('12D3KooW')) return { kind: 'key', text, peerId: keyOf(text, publicKeyOfPeerId) };
  if (UUID.test(text.toLowerCase())) return { kind: 'did', text, did: text.toLowerCase() };
  if (text.startsWith('#') && text.length > 1) return { kind: 'tag', text, tag: text.slice(1).toLowerCase() };
  return { kind: 'name', text, hostname: hostnameOf(text) };
}

function nodeIdOf(digits: string): number {
  const id = Number(digits);
  if (id >= 1 && id <= MAX_NODE_ID) return id;
  throw unusable(`${digits} is no node id: ids are 1 to ${MAX_NODE_ID}`);
}

function keyOf(text: string, read: (text: string) => Uint8Array): string {
  try {
    return peerIdOf(read(text));
  } catch (cause) {
    throw cliErrors.create('USAGE', (cause as Error).message, { details: { what: text }, cause });
  }
}

function unusable(message: string): Error {
  return cliErrors.create('USAGE', message, {
    hint: 'It is a name, hostname, tag, peer id, node id or DID, such as alpha, #gpu, 12D3KooW…, 7 or did:key:z6Mk….',
  });
}
