/** References of images and artifacts: `registry/repository[:tag][@digest]`. */
import {
  coordinationErrors,
  type Digest,
  isDigest,
  isRepository,
  registryOfImageName,
} from '@muster/coordination';

export interface Reference {
  /** As runtimes name it to a mirror. */
  readonly registry: string;
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
}

const DEFAULT_REGISTRY = 'docker.io';
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/** Reads a reference; without a registry it is one of Docker Hub, without tag and digest its `latest`. Throws REFERENCE_INVALID. */
export function parseReference(text: string): Reference {
  const [, name = '', digest] = /^([^@]*)(?:@(.*))?$/.exec(text) ?? [];
  if (digest !== undefined && !isDigest(digest)) throw invalid(text, 'what follows @ is no sha256 digest');
  const slash = name.lastIndexOf('/');
  const colon = name.indexOf(':', slash + 1);
  const tag = colon < 0 ? undefined : name.slice(colon + 1);
  const path = colon < 0 ? name : name.slice(0, colon);
  if (tag !== undefined && !TAG.test(tag)) throw invalid(text, 'what follows : is no tag');
  const registry = registryOfImageName(path);
  const rest = registry === '' ? path : path.slice(registry.length + 1);
  const isShort = registry === '' || registry === DEFAULT_REGISTRY;
  const repository = isShort && rest !== '' && !rest.includes('/') ? `library/${rest}` : rest;
  if (!isRepository(repository)) throw invalid(text, 'there is no repository in lower case');
  return {
    registry: registry === '' ? DEFAULT_REGISTRY : registry,
    repository,
    tag: tag ?? (digest === undefined ? 'latest' : undefined),
    digest,
  };
}

/** The reference in full, with the digest that was found. */
export function formatReference({ registry, repository, tag }: Reference, digest: Digest): string {
  return `${registry}/${repository}${tag === undefined ? '' : `:${tag}`}@${digest}`;
}

function invalid(text: string, reason: string): Error {
  return coordinationErrors.create('REFERENCE_INVALID', `${JSON.stringify(text.slice(0, 300))}: ${reason}`, {
    hint: 'Give registry/repository:tag or registry/repository@sha256:…, such as docker.io/library/alpine:3.',
  });
}
