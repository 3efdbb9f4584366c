/** Asks a registry as a client does: whether it answers, and who is in a network. */
import { errorCode, systemClock } from '@muster/core';
import { peerIdOf } from '@muster/core/identity';
import { MAX_NODE_ID, RegistryClient, refusalOf } from '@muster/client';
import type { RegistryPlace } from '../subject.ts';

const PAGE_SIZE = 1_000;
/** Members whose keys are asked for at one time. */
const LOOKUPS_AT_ONCE = 32;
/** Beyond this the comparison is of the first ones only. */
export const MAX_COMPARED_NODES = 2_000;

export type RegistryAnswer =
  | { readonly kind: 'answer'; readonly ms: number }
  | { readonly kind: 'failure'; readonly code: string; readonly message: string };

/** A node of a network, and the peer id of its key; undefined when the registry does not tell the key. */
export interface RegisteredNode {
  readonly nodeId: number;
  readonly name: string | undefined;
  readonly tags: readonly string[];
  readonly isOnline: boolean;
  readonly peerId: string | undefined;
}

export type RegisteredNodes =
  | { readonly kind: 'nodes'; readonly nodes: readonly RegisteredNode[]; readonly isCut: boolean }
  | { readonly kind: 'failure'; readonly code: string; readonly message: string };

function clientOf({ address, tls, adminToken }: RegistryPlace, timeoutMs: number): RegistryClient {
  return new RegistryClient({
    address,
    encoding: 'json',
    tls,
    poolSize: 1,
    connectTimeoutMs: timeoutMs,
    requestTimeoutMs: timeoutMs,
    reconnect: { maxAttempts: 1 },
    ...(adminToken === undefined ? {} : { adminToken: adminToken.reveal() }),
  });
}

/** Asks for a node that cannot be there: a refusal is an answer. Never rejects. */
export async function askRegistry(place: RegistryPlace, timeoutMs: number): Promise<RegistryAnswer> {
  const startedAt = systemClock.monotonic();
  try {
    await using client = clientOf(place, timeoutMs);
    await client.lookup(MAX_NODE_ID);
  } catch (error) {
    if (refusalOf(error as Error) === undefined) return failureOf(error);
  }
  return { kind: 'answer', ms: systemClock.monotonic() - startedAt };
}

/** The members of the place's network, with their keys. Never rejects. */
export async function registeredNodes(place: RegistryPlace, timeoutMs: number): Promise<RegisteredNodes> {
  try {
    await using client = clientOf(place, timeoutMs);
    const { nodes } = await client.listNodes(place.network ?? 0, { pageSize: PAGE_SIZE });
    const looked: RegisteredNode[] = [];
    for (let start = 0; start < Math.min(nodes.length, MAX_COMPARED_NODES); start += LOOKUPS_AT_ONCE) {
      const some = nodes.slice(start, Math.min(start + LOOKUPS_AT_ONCE, MAX_COMPARED_NODES));
      looked.push(
        ...(await Promise.all(
          some.map(async (node) => ({
            nodeId: node.nodeId,
            name: node.state === 'live' ? node.hostname : undefined,
            tags: node.state === 'live' ? node.tags : [],
            isOnline: node.state === 'live',
            peerId: await peerIdOfNode(client, node.nodeId),
          })),
        )),
      );
    }
    return { kind: 'nodes', nodes: looked, isCut: nodes.length > looked.length };
  } catch (error) {
    return failureOf(error);
  }
}

async function peerIdOfNode(client: RegistryClient, nodeId: number): Promise<string | undefined> {
  try {
    const { publicKey } = await client.lookup(nodeId);
    return publicKey === undefined ? undefined : peerIdOf(publicKey);
  } catch (error) {
    if (refusalOf(error as Error) === undefined) throw error;
    return undefined;
  }
}

function failureOf(error: unknown): {
  readonly kind: 'failure';
  readonly code: string;
  readonly message: string;
} {
  const refusal = refusalOf(error as Error);
  return {
    kind: 'failure',
    code: refusal?.code ?? errorCode(error) ?? 'UNKNOWN',
    message: error instanceof Error ? error.message : String(error),
  };
}
