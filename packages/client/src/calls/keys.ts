/** Keys, and what ties a node to a person or an account (registry spec section 7.5). */
import type { Identity } from '@muster/core/identity';
import { clientErrors } from '../errors.ts';
import { compact, type Fields, type WithRaw } from '../reply.ts';
import { requireNodeId } from '../wire/address.ts';
import { rawOf } from './directory.ts';
import type { AdminCallOptions, CallOptions, NodeCallOptions } from './exchange.ts';
import { ListingCalls } from './listing.ts';

/** A node with a new key. */
export interface Rekeyed extends WithRaw {
  readonly nodeId: number;
  readonly address: string;
  readonly publicKey?: Uint8Array;
}

/** The life of a key. */
export interface KeyInfo extends WithRaw {
  readonly nodeId: number;
  readonly createdAtMs?: number;
  readonly rotateCount: number;
  readonly rotatedAtMs?: number;
  readonly expiresAtMs?: number;
  /** Whole days since the last change; absent when not known. */
  readonly keyAgeDays?: number;
}

/** A statement of the recovery authority that lets a node have another key. */
export interface Recovery {
  readonly nodeId: number;
  /** `pilotrecover:v1:…` */
  readonly statement: string;
  /** Base64. */
  readonly signature: string;
  /** The key that the statement names. The client signs with it from then on, if it acts for this node. */
  readonly newIdentity: Identity;
}

/** Who a node belongs to. */
export interface NodeIdentity extends WithRaw {
  readonly nodeId: number;
  readonly externalId: string;
  readonly owner: string;
}

/** Where identity tokens are checked. A blank type or URL switches it off. */
export interface IdentityProvider {
  readonly type: string;
  /** URL of the key set. */
  readonly url: string;
  readonly issuer?: string;
  readonly clientId?: string;
  readonly tenantId?: string;
  readonly domain?: string;
}

/** Whether there is an identity provider, and which. */
export type IdentityProviderStatus = WithRaw &
  ({ readonly configured: false } | ({ readonly configured: true } & IdentityProvider));

/** The verdict on a token. */
export type TokenVerdict = WithRaw &
  (
    | { readonly verified: true; readonly subject: string; readonly issuer: string }
    | { readonly verified: false; readonly reason: string }
  );

export class KeyCalls extends ListingCalls {
  /**
   * Gives the client's node a new key, signed with the old one; the client signs with the new one from then on.
   * At most once: after CONNECTION_LOST or TIMEOUT look up which key the node has. No other signed call should be
   * under way meanwhile.
   */
  async rotateKey(newIdentity: Identity, options: NodeCallOptions = {}): Promise<Rekeyed> {
    const nodeId = this.exchanger.actingNode(options);
    const fields = await this.exchanger.json({
      type: 'rotate_key',
      fields: { node_id: nodeId, new_public_key: newIdentity.publicKeyBase64 },
      authorization: { kind: 'signature', nodeId },
      repeatable: false,
      options,
    });
    this.exchanger.self.identity = newIdentity;
    return rekeyed(fields);
  }

  /** Lets the key of a node expire at a time, or `'never'`. Whole seconds. At least once. */
  async setKeyExpiry(
    expiresAt: Date | 'never',
    options: NodeCallOptions = {},
  ): Promise<WithRaw & { readonly nodeId: number; readonly expiresAtMs?: number }> {
    const nodeId = this.exchanger.actingNode(options);
    const text = expiresAt === 'never' ? 'never' : rfc3339(expiresAt);
    const challenge = this.exchanger.strict.keyExpiry
      ? { challenge: `set_key_expiry:${nodeId}:${text}` }
      : {};
    const fields = await this.exchanger.json({
      type: 'set_key_expiry',
      fields: { node_id: nodeId, expires_at: text },
      authorization: { kind: 'signature-or-admin', nodeId, ...challenge },
      repeatable: true,
      options,
    });
    return compact({
      nodeId: fields.number('node_id'),
      expiresAtMs: fields.timeMs('expires_at'),
      raw: rawOf(fields),
    });
  }

  /** The life of a node's key. At least once. Refused with `not_found`. */
  async getKeyInfo(nodeId: number, options: CallOptions = {}): Promise<KeyInfo> {
    const fields = await this.exchanger.json({
      type: 'get_key_info',
      fields: { node_id: requireNodeId(nodeId) },
      authorization: { kind: 'none' },
      repeatable: true,
      options,
    });
    const keyAgeDays = fields.optionalNumber('key_age_days');
    return compact<KeyInfo>({
      nodeId: fields.number('node_id'),
      createdAtMs: fields.timeMs('created_at'),
      rotateCount: fields.optionalNumber('rotate_count') ?? 0,
      rotatedAtMs: fields.timeMs('rotated_at'),
      expiresAtMs: fields.timeMs('expires_at'),
      keyAgeDays: keyAgeDays === -1 ? undefined : keyAgeDays,
      raw: rawOf(fields),
    });
  }

  /** Attaches a badge, `pilotbadge:v1:…`, that an issuer has signed. At least once. */
  async submitBadge(
    badge: string,
    badgeSignature: string,
    options: NodeCallOptions = {},
  ): Promise<WithRaw & { readonly nodeId: number; readonly provider: string }> {
    const fields = await this.#own('submit_badge', { badge, badge_sig: badgeSignature }, options);
    return { nodeId: fields.number('node_id'), provider: fields.text('provider'), raw: rawOf(fields) };
  }

  /** Enrols the node for recovery, by a statement `pilotenroll:v1:…` that an issuer has signed. At least once. */
  async enrollRecovery(
    enrollment: string,
    enrollmentSignature: string,
    options: NodeCallOptions = {},
  ): Promise<WithRaw & { readonly nodeId: number }> {
    const fields = await this.#own(
      'enroll_recovery',
      { enrollment, enrollment_sig: enrollmentSignature },
      options,
    );
    return { nodeId: fields.number('node_id'), raw: rawOf(fields) };
  }

  /** Gives a node whose key is lost a new one. At most once: the statement is used up by it. */
  async recoverIdentity(recovery: Recovery, options: CallOptions = {}): Promise<Rekeyed> {
    const nodeId = requireNodeId(recovery.nodeId);
    const fields = await this.exchanger.json({
      type: 'recover_identity',
      fields: {
        node_id: nodeId,
        recovery: recovery.statement,
        recovery_sig: recovery.signature,
        new_public_key: recovery.newIdentity.publicKeyBase64,
      },
      authorization: { kind: 'none' },
      repeatable: false,
      options,
    });
    const { self } = this.exchanger;
    if (self.nodeId === undefined || self.nodeId === nodeId) {
      self.nodeId = nodeId;
      self.identity = recovery.newIdentity;
    }
    return rekeyed(fields);
  }

  /** Ties a node to an account elsewhere. Administrators only. At least once. */
  async setExternalId(
    nodeId: number,
    externalId: string,
    options: AdminCallOptions = {},
  ): Promise<WithRaw & { readonly nodeId: number; readonly externalId: string }> {
    const fields = await this.#admin(
      'set_external_id',
      { node_id: requireNodeId(nodeId), external_id: externalId },
      options,
    );
    return { nodeId: fields.number('node_id'), externalId: fields.text('external_id'), raw: rawOf(fields) };
  }

  /** Who a node belongs to. Administrators only. At least once. */
  async getIdentity(nodeId: number, options: AdminCallOptions = {}): Promise<NodeIdentity> {
    const fields = await this.#admin('get_identity', { node_id: requireNodeId(nodeId) }, options);
    return {
      nodeId: fields.number('node_id'),
      externalId: fields.optionalText('external_id') ?? '',
      owner: fields.optionalText('owner') ?? '',
      raw: rawOf(fields),
    };
  }

  /** Where identity tokens of registrations are checked; '' switches it off. Administrators only. At least once. */
  async setIdentityWebhook(
    url: string,
    options: AdminCallOptions = {},
  ): Promise<WithRaw & { readonly status: string }> {
    const fields = await this.#admin('set_identity_webhook', { url }, options);
    return { status: fields.text('status'), raw: rawOf(fields) };
  }

  /** Sets the identity provider. Administrators only. At least once. */
  async setIdpConfig(
    provider: IdentityProvider,
    options: AdminCallOptions = {},
  ): Promise<WithRaw & { readonly status: string }> {
    const fields = await this.#admin(
      'set_idp_config',
      {
        idp_type: provider.type,
        url: provider.url,
        issuer: provider.issuer,
        client_id: provider.clientId,
        tenant_id: provider.tenantId,
        domain: provider.domain,
      },
      options,
    );
    return { status: fields.text('status'), raw: rawOf(fields) };
  }

  /** The identity provider. Administrators only. At least once. */
  async getIdpConfig(options: AdminCallOptions = {}): Promise<IdentityProviderStatus> {
    const fields = await this.#admin('get_idp_config', {}, options);
    if (!fields.flag('configured')) return { configured: false, raw: rawOf(fields) };
    return compact<Extract<IdentityProviderStatus, { configured: true }>>({
      configured: true,
      type: fields.text('idp_type'),
      url: fields.text('url'),
      issuer: fields.optionalText('issuer'),
      clientId: fields.optionalText('client_id'),
      tenantId: fields.optionalText('tenant_id'),
      domain: fields.optionalText('domain'),
      raw: rawOf(fields),
    });
  }

  /** Has the registry check a token with the identity provider. Administrators only. At least once. */
  async validateToken(token: string, options: AdminCallOptions = {}): Promise<TokenVerdict> {
    const fields = await this.#admin('validate_token', { token }, options);
    const raw = rawOf(fields);
    return fields.flag('verified')
      ? {
          verified: true,
          subject: fields.optionalText('subject') ?? '',
          issuer: fields.optionalText('issuer') ?? '',
          raw,
        }
      : { verified: false, reason: fields.optionalText('error') ?? '', raw };
  }

  async #own(type: string, own: object, options: NodeCallOptions): Promise<Fields> {
    const nodeId = this.exchanger.actingNode(options);
    return await this.exchanger.json({
      type,
      fields: { node_id: nodeId, ...own },
      authorization: { kind: 'signature', nodeId },
      repeatable: true,
      options,
    });
  }

  async #admin(type: string, own: Record<string, unknown>, options: AdminCallOptions): Promise<Fields> {
    return await this.exchanger.json({
      type,
      fields: own,
      authorization: { kind: 'admin', adminToken: options.adminToken },
      repeatable: true,
      options,
    });
  }
}

function rekeyed(fields: Fields): Rekeyed {
  return compact<Rekeyed>({
    nodeId: fields.number('node_id'),
    address: fields.text('address'),
    publicKey: fields.key('public_key'),
    raw: rawOf(fields),
  });
}

/** RFC 3339 in UTC with whole seconds. Throws REQUEST_INVALID. */
function rfc3339(time: Date): string {
  if (Number.isNaN(time.getTime()))
    throw clientErrors.create('REQUEST_INVALID', 'the time of expiry is no time');
  return time.toISOString().replace(/\.\d+Z$/, 'Z');
}
