import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { chmod, readFile, stat } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { createSecureContext, type SecureContextOptions, type TlsOptions } from 'node:tls';
import { type Clock, errorCode, makeDirectories, type Random } from '@muster/core';
import { nodeOperatorFiles, type OperatorFileLog } from '../../operator-files/index.ts';
import { tlsErrors } from './errors.ts';
import { dnsName, makeSelfSigned, SELF_SIGNED_DEFAULT_NAMES, type SelfSignedPair } from './self-signed.ts';

/** A self-signed certificate is renewed when it is valid for less than this. */
export const SELF_SIGNED_RENEWAL_DAYS = 30;
/** File with key and certificate of a self-signed pair, in `<data>/tls/`. */
export const SELF_SIGNED_FILE_NAME = 'self-signed.pem';
/** Copy of the certificate alone, to hand to clients. Never read. */
export const SELF_SIGNED_CERTIFICATE_FILE_NAME = 'certificate.pem';
/** How long a client may take for the handshake (B-06: a header within 10 s). */
export const TLS_HANDSHAKE_TIMEOUT_MS = 10_000;

const DAY_MS = 86_400_000;

/** Where key and certificate come from. */
export type TlsSource =
  | { readonly kind: 'files'; readonly certificatePath: string; readonly keyPath: string }
  | {
      readonly kind: 'self_signed';
      /** `<data>/tls`; undefined for a registry that keeps everything in memory. */
      readonly directory: string | undefined;
      /** Names and addresses beside localhost that clients use. */
      readonly hostNames: readonly string[];
    };

/** What the TLS set-up needs. */
export interface TlsMaterialOptions {
  readonly source: TlsSource;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: OperatorFileLog;
}

/** A server whose certificate can be exchanged while it runs: `tls.Server` and `https.Server` are. */
export interface SecureContextHolder {
  setSecureContext(options: SecureContextOptions): void;
}

interface LoadedPair extends SelfSignedPair {
  readonly leaf: X509Certificate;
  readonly fingerprint: string;
}

/**
 * The TLS side of a listener (spec section 2.1): TLS 1.3 only, X25519 then P-256, with a certificate from files or a
 * self-signed one that survives restarts (B-02), so that clients can pin it.
 *
 * Fault model: a pair is put to use only when key and certificate belong together. Key and certificate of a
 * self-signed pair are one file, replaced by a rename, so a crash never leaves halves. A damaged file is refused,
 * not replaced: pinned clients would take the replacement for an attack.
 */
export class TlsMaterial {
  readonly #options: TlsMaterialOptions;
  readonly #holders = new Set<SecureContextHolder>();
  #pair: LoadedPair;

  private constructor(options: TlsMaterialOptions, pair: LoadedPair) {
    this.#options = options;
    this.#pair = pair;
  }

  /** Loads or makes the pair. Rejects with `tls_keypair_unusable` or `tls_self_signed_failed`. */
  static async load(options: TlsMaterialOptions): Promise<TlsMaterial> {
    return new TlsMaterial(options, await loadPair(options));
  }

  /** Lower-case hex SHA-256 of the certificate in DER: what clients pin. */
  get fingerprint(): string {
    return this.#pair.fingerprint;
  }

  /** The certificate (and what follows it in its file) in PEM. */
  get certificate(): string {
    return this.#pair.certificate;
  }

  /** End of the certificate's validity, in milliseconds since the epoch. */
  get notAfterMs(): number {
    return this.#pair.leaf.validToDate.getTime();
  }

  /** Options for `tls.createServer`. */
  get serverOptions(): TlsOptions {
    return { ...contextOptions(this.#pair), handshakeTimeout: TLS_HANDSHAKE_TIMEOUT_MS };
  }

  /** From now on {@link TlsMaterial.reload} also renews the certificate of this server. */
  attach(server: SecureContextHolder): void {
    this.#holders.add(server);
  }

  /** The server is no longer kept up to date. */
  detach(server: SecureContextHolder): void {
    this.#holders.delete(server);
  }

  /**
   * Reads the files again (or renews the self-signed pair when it is due) and gives a changed pair to the attached
   * servers; open connections keep theirs. Returns whether the certificate changed. Rejects as
   * {@link TlsMaterial.load} does, and the old pair then stays in use.
   */
  async reload(): Promise<boolean> {
    const pair = await loadPair(this.#options);
    if (pair.fingerprint === this.#pair.fingerprint && pair.key === this.#pair.key) return false;
    this.#pair = pair;
    const context = contextOptions(pair);
    for (const holder of this.#holders) holder.setSecureContext(context);
    return true;
  }
}

function contextOptions(pair: SelfSignedPair): SecureContextOptions {
  return { cert: pair.certificate, key: pair.key, minVersion: 'TLSv1.3', ecdhCurve: 'X25519:P-256' };
}

async function loadPair(options: TlsMaterialOptions): Promise<LoadedPair> {
  const { source } = options;
  if (source.kind === 'self_signed') return loadSelfSigned(options, source);
  try {
    const [certificate, key] = await Promise.all([
      readFile(source.certificatePath, 'utf8'),
      readFile(source.keyPath, 'utf8'),
    ]);
    return checked({ certificate, key });
  } catch (cause) {
    throw unusable(cause, { certificatePath: source.certificatePath, keyPath: source.keyPath });
  }
}

async function loadSelfSigned(
  options: TlsMaterialOptions,
  source: Extract<TlsSource, { kind: 'self_signed' }>,
): Promise<LoadedPair> {
  const { clock, log } = options;
  const { directory } = source;
  const path = directory === undefined ? undefined : join(directory, SELF_SIGNED_FILE_NAME);
  const stored = path === undefined ? undefined : await readStored(path);
  const nowMs = clock.now();
  const reason = stored === undefined ? 'none yet' : renewalReason(stored.leaf, source.hostNames, nowMs);
  if (stored !== undefined && reason === undefined) return stored;
  try {
    const pair = checked(await makeSelfSigned(source.hostNames, nowMs, options.random));
    if (directory !== undefined && path !== undefined) {
      await makeDirectories(directory, { mode: 0o700 });
      await nodeOperatorFiles.replace(path, pair.key + pair.certificate);
      await nodeOperatorFiles.replace(join(directory, SELF_SIGNED_CERTIFICATE_FILE_NAME), pair.certificate);
    }
    const details = { path, reason, fingerprint: pair.fingerprint };
    if (stored === undefined) log.info(details, 'self-signed certificate made');
    else {
      log.warn(
        { ...details, previousFingerprint: stored.fingerprint },
        'self-signed certificate renewed, pinned clients need the new fingerprint',
      );
    }
    return pair;
  } catch (cause) {
    throw tlsErrors.create('tls_self_signed_failed', `generate self-signed cert: ${textOf(cause)}`, {
      cause,
    });
  }
}

async function readStored(path: string): Promise<LoadedPair | undefined> {
  try {
    const text = await readFile(path, 'utf8');
    if (((await stat(path)).mode & 0o077) !== 0) await chmod(path, 0o600);
    const split = text.indexOf('-----BEGIN CERTIFICATE-----');
    if (split === -1) throw new Error(`${path} holds no certificate`);
    const pair = checked({ key: text.slice(0, split), certificate: text.slice(split) });
    if (!pair.leaf.verify(pair.leaf.publicKey)) throw new Error(`${path} is damaged`);
    return pair;
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return undefined;
    throw unusable(cause, { path });
  }
}

/** Why a stored certificate has to be replaced; undefined when it has not. */
function renewalReason(
  leaf: X509Certificate,
  hostNames: readonly string[],
  nowMs: number,
): string | undefined {
  const leftMs = leaf.validToDate.getTime() - nowMs;
  if (leftMs <= 0) return 'expired';
  if (leftMs < SELF_SIGNED_RENEWAL_DAYS * DAY_MS)
    return `valid for less than ${SELF_SIGNED_RENEWAL_DAYS} days`;
  const dnsNames = leaf.subjectAltName?.split(', ') ?? [];
  const missing = [...SELF_SIGNED_DEFAULT_NAMES, ...hostNames].find((name) =>
    isIP(name) === 0 ? !dnsNames.includes(`DNS:${dnsName(name)}`) : leaf.checkIP(name) === undefined,
  );
  return missing === undefined ? undefined : `not for ${missing}`;
}

/** Makes sure that the pair works before anybody depends on it. */
function checked(pair: SelfSignedPair): LoadedPair {
  const leaf = new X509Certificate(pair.certificate);
  if (!leaf.checkPrivateKey(createPrivateKey(pair.key))) {
    throw new Error('the private key does not belong to the certificate');
  }
  createSecureContext(contextOptions(pair));
  return { ...pair, leaf, fingerprint: createHash('sha256').update(leaf.raw).digest('hex') };
}

function unusable(cause: unknown, details: Record<string, unknown>): Error {
  return tlsErrors.create('tls_keypair_unusable', `load TLS keypair: ${textOf(cause)}`, { cause, details });
}

function textOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
