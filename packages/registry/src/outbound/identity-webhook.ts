/** Asking the identity webhook whom a token belongs to (spec section 12.4). */
import { errorCode } from '@muster/core';
import { outboundErrors } from './errors.ts';
import type { OutboundReply, SafeFetcher } from './safe-fetch.ts';

/** Time for the whole exchange. */
export const IDENTITY_WEBHOOK_TIMEOUT_MS = 5000;
/** Longest reply that is read. */
export const MAX_IDENTITY_REPLY_BYTES = 4096;

/**
 * The external id that the webhook at `url` gives for a token.
 *
 * @throws `identity_verification_failed` (`identity verification failed`: not reached, no answer in time, not in the
 * form of section 12.4), `identity_webhook_status` (`identity webhook returned status %d`), `identity_rejected`
 * (`identity verification rejected: ..`), `identity_without_external_id`
 * (`identity webhook returned empty external_id`)
 */
export async function verifyIdentityToken(fetcher: SafeFetcher, url: string, token: string): Promise<string> {
  const reply = await ask(fetcher, url, token);
  if (reply.status !== 200) {
    throw outboundErrors.create(
      'identity_webhook_status',
      `identity webhook returned status ${reply.status}`,
    );
  }
  const { verified, external_id: externalId, error } = readReply(reply.body);
  if (verified !== true) {
    const reason = typeof error === 'string' ? error : '';
    throw outboundErrors.create('identity_rejected', `identity verification rejected: ${reason}`);
  }
  if (typeof externalId !== 'string' || externalId === '') {
    throw outboundErrors.create(
      'identity_without_external_id',
      'identity webhook returned empty external_id',
    );
  }
  return externalId;
}

async function ask(fetcher: SafeFetcher, url: string, token: string): Promise<OutboundReply> {
  try {
    return await fetcher.fetch({
      method: 'POST',
      url,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ token }),
      timeoutMs: IDENTITY_WEBHOOK_TIMEOUT_MS,
      maxReplyBytes: MAX_IDENTITY_REPLY_BYTES,
    });
  } catch (cause) {
    throw verificationFailed(cause);
  }
}

interface IdentityReply {
  readonly verified?: unknown;
  readonly external_id?: unknown;
  readonly error?: unknown;
}

function readReply(body: Buffer): IdentityReply {
  let reply: unknown;
  try {
    reply = JSON.parse(body.toString('utf8'));
  } catch (cause) {
    throw verificationFailed(cause);
  }
  if (typeof reply !== 'object' || reply === null || Array.isArray(reply))
    throw verificationFailed(undefined);
  return reply;
}

function verificationFailed(cause: unknown): Error {
  return outboundErrors.create('identity_verification_failed', 'identity verification failed', {
    cause,
    details: { reason: errorCode(cause) ?? 'malformed reply' },
  });
}
