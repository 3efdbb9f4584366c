/** From a tag to a digest, at the origin: mirrors know digests only. */
import {
  coordinationErrors,
  CredentialsFile,
  type Digest,
  digestOf,
  fileCredentials,
  isDigest,
  MANIFEST_ACCEPT,
  NodeHttp,
  OriginClient,
  parseEndpoint,
} from '@muster/coordination';
import { silentLogger, systemClock, systemTimers } from '@muster/core';
import { cliErrors } from '../cli/cli-errors.ts';
import { packageVersion } from '../cli/version.ts';
import type { Reference } from './reference.ts';
import { endpointOf } from './registry-endpoint.ts';

const CONNECT_MS = 10_000;
const ANSWER_MS = 30_000;
const MAX_MANIFEST_BYTES = 4_194_304;
export interface OriginPlace {
  /** URL of the registry; absent: made from its name. */
  readonly endpoint?: string | undefined;
  /** File with `user:password`. */
  readonly credentialsPath?: string | undefined;
}

/** Asks the registry what the tag stands for. Rejects ORIGIN_FAILED, ORIGIN_UNREACHABLE, ORIGIN_UNKNOWN, CREDENTIALS_INVALID, or as the signal says. */
export async function resolveTag(
  reference: Reference & { readonly tag: string },
  place: OriginPlace,
  signal: AbortSignal,
): Promise<Digest> {
  const endpoint = parseEndpoint(place.endpoint ?? endpointOf(reference.registry));
  const transport = new NodeHttp({
    timers: systemTimers,
    connectMs: CONNECT_MS,
    headerMs: ANSWER_MS,
    idleMs: ANSWER_MS,
  });
  const shared = { clock: systemClock, timers: systemTimers, logger: silentLogger };
  const credentials =
    place.credentialsPath === undefined
      ? undefined
      : await CredentialsFile.load(place.credentialsPath, { reader: fileCredentials, ...shared });
  const client = new OriginClient({
    ...shared,
    endpoint,
    http: transport.send,
    ...(credentials === undefined ? {} : { credentials }),
    maxRequestsPerSecond: 0,
    userAgent: `muster/${packageVersion()}`,
  });
  try {
    return await ask(client, endpoint, reference, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Error && 'code' in error) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw cliErrors.create(
      'ORIGIN_UNREACHABLE',
      `${nameOf(reference)} cannot be resolved at ${endpoint.origin}: ${reason}`,
      { cause: error },
    );
  } finally {
    transport.close();
  }
}

async function ask(
  client: OriginClient,
  endpoint: URL,
  reference: Reference & { readonly tag: string },
  signal: AbortSignal,
): Promise<Digest> {
  const { repository, tag } = reference;
  const url = new URL(`${endpoint.href.replace(/\/$/, '')}/v2/${repository}/manifests/${tag}`);
  const scope = `repository:${repository}:pull`;
  for (const method of ['HEAD', 'GET'] as const) {
    const reply = await client.request({ method, url, accept: MANIFEST_ACCEPT, scope, offset: 0, signal });
    if (reply.status !== 200) {
      reply.discard();
      throw failed(reference, endpoint, `it answers ${reply.status}`, HINTS[reply.status]);
    }
    const told = reply.header('docker-content-digest') ?? '';
    if (isDigest(told)) {
      reply.discard();
      return told;
    }
    if (method === 'GET') return digestOf(await bytesOf(reply.body));
    reply.discard();
  }
  throw failed(reference, endpoint, 'it tells no digest');
}

async function bytesOf(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > MAX_MANIFEST_BYTES) break;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const WRONG_NAME = 'Is there such a repository, with such a tag? --origin says where the registry is.';
const WHO_ASKS =
  'Give --credentials, a file with one line user:password, or check the name: many registries answer so when there is nothing.';
/** What a person can do about an answer. */
const HINTS: Readonly<Partial<Record<number, string>>> = { 401: WHO_ASKS, 403: WHO_ASKS, 404: WRONG_NAME };

function failed(
  reference: Reference,
  endpoint: URL,
  reason: string,
  hint = 'Is it a registry? --origin says where it is. A digest need not be resolved: …@sha256:…',
): Error {
  const { registry, repository, tag } = reference;
  return coordinationErrors.create(
    'ORIGIN_FAILED',
    `${nameOf(reference)} cannot be resolved at ${endpoint.origin}: ${reason}`,
    { hint, details: { registry, repository, tag } },
  );
}

function nameOf({ registry, repository, tag }: Reference): string {
  return `${registry}/${repository}:${tag ?? ''}`;
}
