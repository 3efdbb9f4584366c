/**
 * Badge, enrolment and recovery statements (spec section 12.5): texts that an issuer signed about a node. Here they are
 * formatted, read and verified. Whether a node may use one is decided by the operations: the commitment, the binding
 * to a new key and the nonce of a recovery are compared there.
 *
 * Fault model: text and signature come from strangers. Anything that is not exactly the canonical text of a statement
 * is refused before its signature is looked at.
 */
import { decodeStandardBase64, quote, SIGNATURE_BYTES } from '../wire/index.ts';
import { authErrors } from './errors.ts';
import type { KeyRing } from './key-ring.ts';

/** A recovery may expire at most this far ahead. */
export const MAX_RECOVERY_LIFETIME_SECONDS = 30 * 60;

/** An issuer vouches that a node's owner proved an account with a provider. Times are unix seconds. */
export interface Badge {
  readonly nodeId: number;
  readonly provider: string;
  readonly verifiedAt: number;
  /** 0: never. */
  readonly exp: number;
  readonly kid: string;
  /** May be empty. */
  readonly subject: string;
}

/** An issuer ties a node to the commitment that a later recovery must name. */
export interface Enrollment {
  readonly nodeId: number;
  readonly provider: string;
  readonly commitment: string;
  readonly issuedAt: number;
  readonly kid: string;
}

/** The recovery authority allows one change of a node's key. */
export interface Recovery {
  readonly nodeId: number;
  /** Base64, as it stands in the statement. */
  readonly newPublicKey: string;
  readonly commitment: string;
  readonly exp: number;
  readonly nonce: string;
  readonly kid: string;
}

/** The canonical text of a badge. */
export function formatBadge(badge: Badge): string {
  const { nodeId, provider, verifiedAt, exp, kid, subject } = badge;
  return `pilotbadge:v1:${nodeId}:${provider}:${verifiedAt}:${exp}:${kid}:${subject}`;
}

/** The canonical text of an enrolment. */
export function formatEnrollment(enrollment: Enrollment): string {
  const { nodeId, provider, commitment, issuedAt, kid } = enrollment;
  return `pilotenroll:v1:${nodeId}:${provider}:${commitment}:${issuedAt}:${kid}`;
}

/** The canonical text of a recovery. */
export function formatRecovery(recovery: Recovery): string {
  const { nodeId, newPublicKey, commitment, exp, nonce, kid } = recovery;
  return `pilotrecover:v1:${nodeId}:${newPublicKey}:${commitment}:${exp}:${nonce}:${kid}`;
}

/** Reads a badge. @throws `malformed_statement` with the texts of section 12.5. */
export function parseBadge(text: string): Badge {
  const fields = splitStatement(text, 'pilotbadge', 8, '');
  const badge = {
    nodeId: nodeIdOf(fields),
    provider: field(fields, 3),
    verifiedAt: secondsOf('verified_at', field(fields, 4)),
    exp: secondsOf('exp', field(fields, 5)),
    kid: field(fields, 6),
    subject: field(fields, 7),
  };
  if (badge.provider === '') throw malformed('provider is required');
  if (badge.kid === '') throw malformed('kid is required');
  return badge;
}

/** Reads an enrolment. @throws `malformed_statement` with the texts of section 12.5. */
export function parseEnrollment(text: string): Enrollment {
  const fields = splitStatement(text, 'pilotenroll', 7, 'enrollment ');
  const enrollment = {
    nodeId: nodeIdOf(fields),
    provider: field(fields, 3),
    commitment: field(fields, 4),
    issuedAt: secondsOf('issued_at', field(fields, 5)),
    kid: field(fields, 6),
  };
  if (enrollment.provider === '' || enrollment.commitment === '' || enrollment.kid === '') {
    throw malformed('enrollment has empty required field');
  }
  return enrollment;
}

/** Reads a recovery. @throws `malformed_statement` with the texts of section 12.5. */
export function parseRecovery(text: string): Recovery {
  const fields = splitStatement(text, 'pilotrecover', 8, 'recovery ');
  const recovery = {
    nodeId: nodeIdOf(fields),
    newPublicKey: field(fields, 3),
    commitment: field(fields, 4),
    exp: secondsOf('exp', field(fields, 5)),
    nonce: field(fields, 6),
    kid: field(fields, 7),
  };
  const { newPublicKey, commitment, nonce, kid } = recovery;
  if ([newPublicKey, commitment, nonce, kid].includes('')) {
    throw malformed('recovery has empty required field');
  }
  if (recovery.exp === 0) throw malformed('recovery exp must be set (non-zero)');
  return recovery;
}

function splitStatement(text: string, prefix: string, count: number, kind: string): readonly string[] {
  const fields = text.split(':');
  if (fields.length !== count) {
    throw malformed(`${kind}${kind === '' ? 'want' : 'wants'} ${count} fields, got ${fields.length}`);
  }
  if (fields[0] !== prefix) throw malformed(`bad prefix ${quote(field(fields, 0))}`);
  if (fields[1] !== 'v1') throw malformed(`unsupported version ${quote(field(fields, 1))}`);
  return fields;
}

function field(fields: readonly string[], index: number): string {
  return fields[index] ?? '';
}

function nodeIdOf(fields: readonly string[]): number {
  return canonicalDecimal('node_id', field(fields, 2), 0xffff_ffffn, 'ParseUint');
}

function secondsOf(name: string, text: string): number {
  return canonicalDecimal(name, text, 0x7fff_ffff_ffff_ffffn, 'ParseInt');
}

/** A number without sign or leading zero. Beyond 2^53 it is rounded, which no comparison with the clock notices. */
function canonicalDecimal(name: string, text: string, max: bigint, parser: string): number {
  if (!/^(?:0|[1-9]\d*)$/.test(text)) throw malformed(`${name} is not canonical decimal: ${quote(text)}`);
  if (text.length > 20 || BigInt(text) > max) {
    throw malformed(`${name}: strconv.${parser}: parsing ${quote(text)}: value out of range`);
  }
  return Number(text);
}

function malformed(reason: string): Error {
  return authErrors.create('malformed_statement', `badgeverify: malformed badge: ${reason}`);
}

/** A statement with what is needed to check its signature. */
export interface OpenedStatement<T> {
  readonly statement: T;
  /** The signed text. */
  readonly text: string;
  readonly signature: Uint8Array;
  /** The issuer's raw key. */
  readonly issuerKey: Uint8Array;
}

/**
 * Reads a statement, finds its issuer's key and decodes its signature, in the order of the original. What remains is to
 * verify `signature` over `text` with `issuerKey`; a failure there is {@link statementSignatureError}.
 *
 * @throws `malformed_statement`, `unknown_statement_key`, `statement_signature` with the texts of section 12.5.
 */
export function openStatement<T extends { readonly kid: string }>(
  parse: (text: string) => T,
  text: string,
  signatureText: string,
  ring: KeyRing,
): OpenedStatement<T> {
  const statement = parse(text);
  const issuerKey = ring.get(statement.kid);
  if (issuerKey === undefined) {
    throw authErrors.create(
      'unknown_statement_key',
      `badgeverify: no pinned issuer key for badge kid: kid=${quote(statement.kid)}`,
    );
  }
  const signature = decodeStandardBase64(signatureText);
  if (!signature.ok) throw statementSignatureError('signature is not valid base64');
  if (signature.value.length !== SIGNATURE_BYTES) {
    throw statementSignatureError(
      `wrong signature length ${signature.value.length} (want ${SIGNATURE_BYTES})`,
    );
  }
  return { statement, text, signature: signature.value, issuerKey };
}

/** The error `badge signature verification failed`, with the reason where the original gives one. */
export function statementSignatureError(reason?: string): Error {
  const detail = reason === undefined ? '' : `: ${reason}`;
  return authErrors.create(
    'statement_signature',
    `badgeverify: badge signature verification failed${detail}`,
  );
}

/** Checks one signature: for instance `SignatureVerifier.verify`, with the connection as its source. */
export type VerifySignature = (
  publicKey: Uint8Array,
  message: string,
  signature: Uint8Array,
) => boolean | Promise<boolean>;

async function verifyStatement<T>(opened: OpenedStatement<T>, verify: VerifySignature): Promise<T> {
  if (!(await verify(opened.issuerKey, opened.text, opened.signature))) throw statementSignatureError();
  return opened.statement;
}

/**
 * Verifies a badge at `nowSeconds` (unix).
 *
 * @throws `malformed_statement`, `unknown_statement_key`, `statement_signature`, `statement_expired`.
 */
export async function verifyBadge(
  text: string,
  signatureText: string,
  ring: KeyRing,
  verify: VerifySignature,
  nowSeconds: number,
): Promise<Badge> {
  const badge = await verifyStatement(openStatement(parseBadge, text, signatureText, ring), verify);
  checkBadgeExpiry(badge, nowSeconds);
  return badge;
}

/** Refuses a badge that has expired at `nowSeconds` (unix). @throws `statement_expired`. */
export function checkBadgeExpiry(badge: Badge, nowSeconds: number): void {
  if (badge.exp !== 0) checkExpiry(badge.exp, nowSeconds);
}

/** Refuses a badge that was made for another node than the acting one. @throws `statement_subject`. */
export function checkBadgeNode(badge: Badge, nodeId: number): void {
  if (badge.nodeId === nodeId) return;
  throw authErrors.create(
    'statement_subject',
    `badgeverify: badge node_id does not match peer: badge=${badge.nodeId} peer=${nodeId}`,
  );
}

/** Verifies an enrolment. @throws `malformed_statement`, `unknown_statement_key`, `statement_signature`. */
export async function verifyEnrollment(
  text: string,
  signatureText: string,
  ring: KeyRing,
  verify: VerifySignature,
): Promise<Enrollment> {
  return verifyStatement(openStatement(parseEnrollment, text, signatureText, ring), verify);
}

/**
 * Verifies a recovery at `nowSeconds` (unix), with the ring of the recovery authority.
 *
 * @throws `malformed_statement`, `unknown_statement_key`, `statement_signature`, `statement_expired`,
 * `statement_too_far_ahead`.
 */
export async function verifyRecovery(
  text: string,
  signatureText: string,
  ring: KeyRing,
  verify: VerifySignature,
  nowSeconds: number,
): Promise<Recovery> {
  const recovery = await verifyStatement(openStatement(parseRecovery, text, signatureText, ring), verify);
  checkRecoveryExpiry(recovery, nowSeconds);
  return recovery;
}

/** Refuses a recovery that has expired or expires too late. @throws `statement_expired`, `statement_too_far_ahead`. */
export function checkRecoveryExpiry(recovery: Recovery, nowSeconds: number): void {
  checkExpiry(recovery.exp, nowSeconds);
  if (recovery.exp - nowSeconds > MAX_RECOVERY_LIFETIME_SECONDS) {
    throw authErrors.create('statement_too_far_ahead', 'recovery expiry too far in the future');
  }
}

function checkExpiry(exp: number, nowSeconds: number): void {
  if (nowSeconds < exp) return;
  throw authErrors.create('statement_expired', `badgeverify: badge expired: exp=${exp} now=${nowSeconds}`);
}
