import { defineErrors } from '@muster/core';

/** The coded errors of @muster/coordination (coordination spec 3.5). */
export const coordinationErrors = defineErrors({
  DIGEST_INVALID: { summary: 'Not a digest: `sha256:` and 64 lower-case hex digits are asked for.' },
  REFERENCE_INVALID: { summary: 'Not a reference of the form registry/repository[:tag][@digest].' },
  CONTENT_NOT_FOUND: { summary: 'The object is not here.' },
  STORAGE_UNAVAILABLE: {
    summary: 'The disk cannot say whether it has the object, or cannot take it.',
    hint: 'Check free space, permissions and the health of the disk of the cache folder.',
  },
  STORE_LOCKED: { summary: 'Another process uses the cache folder.' },
  RANGE_NOT_SATISFIABLE: { summary: 'The range begins behind the end of the object.' },
  DIGEST_MISMATCH: { summary: 'The bytes are not those that the digest names. Nothing of them was kept.' },
  ORIGIN_FAILED: {
    summary: 'The origin did not give the object; `details` have registry, repository, class and status.',
  },
  ORIGIN_UNKNOWN: {
    summary: 'No origin of that name is configured.',
    hint: 'Add it to `upstream_registries`.',
  },
  CREDENTIALS_INVALID: { summary: 'A credentials file is not one line `user:password`.' },
  PEER_UNRESOLVED: { summary: 'No peer id is known for the node.' },
  STREAM_OPEN_FAILED: { summary: 'No stream to the node could be opened in time.' },
  RPC_TIMEOUT: { summary: 'The node did not answer in time.' },
  CLOSED_WITHOUT_RESPONSE: { summary: 'The node closed the stream without an answer.' },
  MESSAGE_MALFORMED: { summary: 'A message could not be decoded; `details.reason` says why.' },
  MESSAGE_UNEXPECTED: { summary: 'The answer is not of the kind that was asked for.' },
  FAILURE_SHORT_CIRCUIT: {
    summary: 'A node reports that the origin refuses the object; that is believed for the cluster.',
  },
  COOLDOWN_ACTIVE: {
    summary: 'The origin failed for the object a moment ago; it is left alone until the cool-down ends.',
  },
  CASCADE_EXHAUSTED: { summary: 'No node has the object and none could be made to pull it.' },
  FALLBACK_DECLINED: { summary: 'Going to the origin directly was declined; `details.reason` says why.' },
  MANIFEST_MALFORMED: { summary: 'The object is no JSON manifest of an image or an index.' },
  PREFETCH_INVALID: { summary: 'Children can only be asked for with a registry and a repository.' },
  PREFETCH_PARTIAL: { summary: 'Some of the nodes could not be asked to pull the children.' },
  WARM_PATH_EXHAUSTED: { summary: 'Nobody who has the object could be reached in time.' },
  MIRROR_NOT_LOOPBACK: {
    summary: 'The mirror answers with the credentials of the node; it listens on loopback only.',
    hint: 'Set `mirror_bind_allow_non_loopback` if a network policy keeps others away from it.',
  },
  MEMBERS_INVALID: { summary: 'The list of members cannot be read.' },
  IDENTITY_INVALID: { summary: 'The identity file is no libp2p Ed25519 key.' },
  SHUTTING_DOWN: { summary: 'The agent is shutting down.' },
});

/** Codes of {@link coordinationErrors}. */
export type CoordinationErrorCode = keyof typeof coordinationErrors.definitions;
