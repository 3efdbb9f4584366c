/**
 * Keys, tokens and pre-shared keys: readable by this user, by nobody else, of the kind that they should be, and each key of one peer
 * only. Nothing of their content is ever told but fingerprints of public halves.
 */
import { createPrivateKey } from 'node:crypto';
import { parseIdentityFile } from '@muster/coordination';
import type { Identity } from '@muster/core/identity';
import { Psk } from '@muster/discovery/keys';
import { type Finding, ok, problem, warning } from '../finding.ts';
import type { FileFacts, SecretLook } from '../probes/file.ts';
import type { SecretFile } from '../subject.ts';

/** Shorter ones can be guessed. */
export const SHORTEST_TOKEN = 16;

const GROUP_AND_OTHERS = 0o077;
const WRITABLE_BY_GROUP_OR_OTHERS = 0o022;
/** Folders such as /tmp, where only the owner of a file may replace it. */
const STICKY = 0o1000;
/** DER of a public half up to the 32 bytes of the key (RFC 8410). */
const SPKI_HEADER = Buffer.from('302a300506032b6570032100', 'hex');

/** A secret, and what was found at its path. */
export interface SecretFacts {
  readonly secret: SecretFile;
  readonly look: SecretLook;
  /** What is at {@link SecretFile.publicPath}; undefined when there is nothing. */
  readonly publicLook: SecretLook | undefined;
}

export interface SecretFindings {
  readonly keys: readonly Finding[];
  readonly permissions: readonly Finding[];
}

/** @param uid of this user; undefined where the system has none */
export function examineSecrets(facts: readonly SecretFacts[], uid: number | undefined): SecretFindings {
  return {
    keys: [...facts.map(examineContent), ...examineTwice(facts), ...examinePsks(facts)],
    permissions: facts.flatMap((each) => examineRights(each, uid)),
  };
}

const NAMES: Readonly<Record<SecretFile['kind'], string>> = {
  key: 'key',
  psk: 'pre-shared key',
  token: 'token',
  'tls-key': 'TLS key',
};

function whatOf({ kind, owner }: SecretFile): string {
  return `${NAMES[kind]} of ${owner}`;
}

function examineContent({ secret, look, publicLook }: SecretFacts): Finding {
  const { path, setting, isMade } = secret;
  const what = whatOf(secret);
  if (look.kind === 'failure') {
    if (look.code === 'ENOENT') {
      return isMade
        ? ok(what, `${path} is not there yet; the service makes it`)
        : problem(what, `there is no ${path}`, `${makeText(secret.kind, path)} or change ${setting}.`);
    }
    return problem(
      what,
      `${path} can't be read by this user (${look.code})`,
      `Run this as the user of the service, or: chown $(id -u) ${path} && chmod 600 ${path}`,
    );
  }
  if (look.facts.kind !== 'file') return problem(what, `${path} is no file`, `Change ${setting}.`);
  const wrong = contentProblem(secret, look.bytes);
  if (wrong !== undefined)
    return problem(what, `${path}: ${wrong}`, `${makeText(secret.kind, path)} or change ${setting}.`);
  if (secret.kind !== 'key') return ok(what, `${path} is one`);
  const identity = identityOf(look.bytes);
  if (identity === undefined) return problem(what, `${path}: not a key`, `Change ${setting}.`);
  if (secret.publicPath !== undefined && publicLook?.kind === 'found') {
    const own = Buffer.from(publicLook.bytes).toString('latin1').replace(/\s/g, '');
    if (!own.includes(publicDer(identity))) {
      return problem(
        what,
        `${secret.publicPath} is not the public half of ${path}`,
        `Remove ${secret.publicPath}; with generate-keys it is made again from the private one.`,
      );
    }
  }
  return ok(what, `${path} is Ed25519, ${identity.peerId}`);
}

/** How a person gets one. */
function makeText(kind: SecretFile['kind'], path: string): string {
  switch (kind) {
    case 'key':
      return `Make one (muster keys generate --key ${path})`;
    case 'psk':
      return `Copy the one that all members have, or make the first (muster keys psk --psk-path ${path})`;
    case 'token':
      return `Make one (umask 077; head -c 32 /dev/urandom | base64 > ${path})`;
    case 'tls-key':
      return 'Put the private key of the certificate there, PEM,';
  }
}

function contentProblem({ kind }: SecretFile, bytes: Uint8Array): string | undefined {
  const text = Buffer.from(bytes).toString('utf8');
  switch (kind) {
    case 'key':
      return identityOf(bytes) === undefined ? 'not an Ed25519 private key' : undefined;
    case 'psk':
      return pskFingerprint(text) === undefined ? 'not a swarm key (/key/swarm/psk/1.0.0/)' : undefined;
    case 'token': {
      const token = text.trim();
      if (token === '') return 'it is empty';
      return token.length < SHORTEST_TOKEN ? `it has only ${token.length} characters` : undefined;
    }
    case 'tls-key':
      return isPrivateKey(text) ? undefined : 'not a private key in PEM';
  }
}

/** The key in a file, PEM or libp2p's form; undefined when there is none. */
export function identityOf(bytes: Uint8Array): Identity | undefined {
  try {
    return parseIdentityFile(bytes);
  } catch {
    return undefined;
  }
}

/** The DER of the public half as PEM holds it, in base64 without breaks. */
function publicDer(identity: Identity): string {
  return Buffer.concat([SPKI_HEADER, identity.publicKey]).toString('base64');
}

/** What tells swarm keys apart without showing them; undefined when the text is none. */
function pskFingerprint(text: string): string | undefined {
  try {
    return Psk.parse(text).fingerprint;
  } catch {
    return undefined;
  }
}

function isPrivateKey(text: string): boolean {
  try {
    createPrivateKey(text);
    return true;
  } catch {
    return false;
  }
}

/** One key is one peer: two processes with the same one take turns in being believed. */
function examineTwice(facts: readonly SecretFacts[]): readonly Finding[] {
  const owners = new Map<string, SecretFile>();
  const findings: Finding[] = [];
  for (const { secret, look } of facts) {
    const identity = secret.kind === 'key' && look.kind === 'found' ? identityOf(look.bytes) : undefined;
    if (identity === undefined) continue;
    const other = owners.get(identity.peerId);
    if (other === undefined) owners.set(identity.peerId, secret);
    else if (other.owner !== secret.owner) {
      findings.push(
        problem(
          `key of ${secret.owner}`,
          `${secret.path} is the key of ${other.owner} (${other.path}): both would be the same peer`,
          `Give ${secret.owner} a key of its own: muster keys generate --key <path>, and ${secret.setting}.`,
        ),
      );
    }
  }
  return findings;
}

/** All members of an overlay have the same pre-shared key. */
function examinePsks(facts: readonly SecretFacts[]): readonly Finding[] {
  const known = facts.flatMap(({ secret, look }) => {
    const psk =
      secret.kind === 'psk' && look.kind === 'found'
        ? pskFingerprint(Buffer.from(look.bytes).toString('utf8'))
        : undefined;
    return psk === undefined ? [] : [{ secret, psk }];
  });
  const [first] = known;
  return known.flatMap(({ secret, psk }) =>
    first === undefined || psk === first.psk
      ? []
      : [
          warning(
            whatOf(secret),
            `${secret.path} is another one than ${first.secret.path}: these services can't meet`,
            `Copy one over the other, unless they belong to two overlays; ${secret.setting}.`,
          ),
        ],
  );
}

function examineRights({ secret, look }: SecretFacts, uid: number | undefined): readonly Finding[] {
  if (look.kind === 'failure' || look.facts.kind !== 'file') return [];
  const what = whatOf(secret);
  const { mode, uid: owner } = look.facts;
  if (mode === undefined) return [];
  const findings: Finding[] = [];
  if ((mode & GROUP_AND_OTHERS) !== 0) {
    findings.push(
      problem(
        what,
        `${secret.path} has mode ${octal(mode)}: others than its owner get at it`,
        `chmod 600 ${secret.path}`,
      ),
    );
  }
  if (uid !== undefined && uid !== 0 && owner !== uid)
    findings.push(
      warning(
        what,
        `${secret.path} belongs to user ${owner}, this is user ${uid}`,
        `chown ${uid} ${secret.path}`,
      ),
    );
  if (look.folder !== undefined && isReplaceable(look.folder)) {
    const folder = secret.path.replace(/\/[^/]*$/, '') || '.';
    findings.push(
      problem(
        what,
        `others can put another file in the place of ${secret.path}: its folder has mode ${octal(look.folder.mode ?? 0)}`,
        `chmod go-w ${folder}`,
      ),
    );
  }
  return findings.length === 0 ? [ok(what, `${secret.path} has mode ${octal(mode)}`)] : findings;
}

function isReplaceable({ mode = 0 }: FileFacts): boolean {
  return (mode & WRITABLE_BY_GROUP_OR_OTHERS) !== 0 && (mode & STICKY) === 0;
}

/** `0600` */
export function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}
