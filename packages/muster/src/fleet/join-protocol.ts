/** What is said when a peer joins: `POST /join` at the control address of a fleet. */
import { type Identity, verifySignature } from '@muster/core/identity';
import { TICKET_BYTES } from './join-line.ts';

/** What the joining peer sends. Bytes are base64. The ticket is its authority. */
export interface JoinRequest {
  readonly ticket: string;
  /** Raw Ed25519 key. */
  readonly publicKey: string;
  /** Number that the registry gave to this key. */
  readonly nodeId: number;
  readonly name: string;
  /** Of {@link joinText} by that key: whoever joins has the key. */
  readonly signature: string;
}

/** What it gets. The pre-shared key and the network's token are secrets: they go into files of mode 0600. */
export interface JoinAnswer {
  /** Text of the swarm key. */
  readonly psk: string;
  /** `host:port` */
  readonly registry: string;
  readonly network: number;
  readonly networkToken: string;
  /** Multiaddrs with `/p2p` of indexers. */
  readonly seeds: readonly string[];
  /** Factor of all durations, which must be the same for all. */
  readonly timeScale: number;
  readonly page: string;
}

/** Longest name of a peer. */
export const MAX_NAME_LENGTH = 63;
const NAME = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;

/** Whether it can be a peer's name: a label of a hostname. */
export function isPeerName(name: string): boolean {
  return name.length <= MAX_NAME_LENGTH && NAME.test(name);
}

/** The text that the joining peer signs. */
export function joinText(ticket: Uint8Array, nodeId: number, name: string): Buffer {
  return Buffer.from(`muster join\n${Buffer.from(ticket).toString('base64')}\n${nodeId}\n${name}`);
}

/** Makes the request of a peer. */
export function joinRequest(
  identity: Identity,
  facts: { readonly ticket: Uint8Array; readonly nodeId: number; readonly name: string },
): JoinRequest {
  const { ticket, nodeId, name } = facts;
  return {
    ticket: Buffer.from(ticket).toString('base64'),
    publicKey: identity.publicKeyBase64,
    nodeId,
    name,
    signature: identity.sign(joinText(ticket, nodeId, name)),
  };
}

/** A request whose signature is that of the key it names. */
export interface ProvenJoin {
  readonly ticket: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly nodeId: number;
  readonly name: string;
}

/** Reads a request from the wire; undefined when anything about it is wrong. */
export function readJoinRequest(value: unknown): ProvenJoin | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { ticket, publicKey, nodeId, name, signature } = value as Record<string, unknown>;
  const ticketBytes = bytesOf(ticket, TICKET_BYTES);
  const key = bytesOf(publicKey, 32);
  const signed = bytesOf(signature, 64);
  if (ticketBytes === undefined || key === undefined || signed === undefined) return undefined;
  if (typeof nodeId !== 'number' || !Number.isInteger(nodeId) || nodeId < 1) return undefined;
  if (typeof name !== 'string' || !isPeerName(name)) return undefined;
  if (!verifySignature(key, joinText(ticketBytes, nodeId, name), signed)) return undefined;
  return { ticket: ticketBytes, publicKey: key, nodeId, name };
}

function bytesOf(value: unknown, length: number): Uint8Array | undefined {
  if (typeof value !== 'string' || value.length > 200) return undefined;
  const bytes = Buffer.from(value, 'base64');
  return bytes.length === length ? Uint8Array.from(bytes) : undefined;
}

/** Whether an answer has everything that a peer needs. */
export function isJoinAnswer(value: unknown): value is JoinAnswer {
  if (typeof value !== 'object' || value === null) return false;
  const { psk, registry, network, networkToken, seeds, timeScale, page } = value as Record<string, unknown>;
  return (
    [psk, registry, networkToken, page].every((text) => typeof text === 'string') &&
    Array.isArray(seeds) &&
    seeds.every((seed) => typeof seed === 'string') &&
    typeof network === 'number' &&
    typeof timeScale === 'number'
  );
}
