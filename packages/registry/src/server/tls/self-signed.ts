import { generateKeyPair, sign, type KeyObject, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { promisify } from 'node:util';
import type { Random } from '@muster/core';
import { parseIp } from '../../admission/ip-address.ts';
import {
  bitString,
  boolean,
  der,
  objectIdentifier,
  octetString,
  sequence,
  set,
  time,
  unsignedInteger,
  utf8String,
} from './der.ts';

/** How long a certificate is valid (spec section 2.1). */
export const SELF_SIGNED_VALIDITY_DAYS = 365;
/** The names that every certificate is for (spec section 2.1). */
export const SELF_SIGNED_DEFAULT_NAMES: readonly string[] = ['localhost', '127.0.0.1', '::1'];
/** The organisation in its subject. */
export const SELF_SIGNED_ORGANISATION = 'Muster';

const DAY_MS = 86_400_000;
/** How far a client's clock may be behind. */
const BACKDATED_MS = 3_600_000;

const HOST_NAME = /^(?:\*\.)?[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63}){0,30}$/;

const OID = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  organisation: '2.5.4.10',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
} as const;

/** A key and its certificate, as PEM texts. */
export interface SelfSignedPair {
  readonly certificate: string;
  readonly key: string;
}

/**
 * Makes an ECDSA P-256 key and a certificate that it signs itself, for `localhost`, the loopback addresses and
 * `hostNames` (names or addresses).
 */
export async function makeSelfSigned(
  hostNames: readonly string[],
  nowMs: number,
  random: Random,
): Promise<SelfSignedPair> {
  const { privateKey, publicKey } = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' });
  const names = [...new Set([...SELF_SIGNED_DEFAULT_NAMES, ...hostNames])];
  const algorithm = sequence(objectIdentifier(OID.ecdsaWithSha256));
  const body = certificateBody({ publicKey, names, nowMs, serial: serialNumber(random), algorithm });
  const signature = sign('sha256', body, privateKey);
  const certificate = new X509Certificate(sequence(body, algorithm, bitString(signature)));
  return {
    certificate: certificate.toString(),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

/** The part that is signed: TBSCertificate of RFC 5280, section 4.1. */
function certificateBody(parts: {
  readonly publicKey: KeyObject;
  readonly names: readonly string[];
  readonly nowMs: number;
  readonly serial: Uint8Array;
  readonly algorithm: Buffer;
}): Buffer {
  const { publicKey, names, nowMs, serial, algorithm } = parts;
  const subject = sequence(
    set(sequence(objectIdentifier(OID.organisation), utf8String(SELF_SIGNED_ORGANISATION))),
  );
  const validity = sequence(time(nowMs - BACKDATED_MS), time(nowMs + SELF_SIGNED_VALIDITY_DAYS * DAY_MS));
  const extensions = sequence(
    extension(OID.basicConstraints, true, sequence()),
    // The first bit: digitalSignature, all that TLS 1.3 asks of a key.
    extension(OID.keyUsage, true, bitString(Buffer.of(0x80), 7)),
    extension(OID.extendedKeyUsage, false, sequence(objectIdentifier(OID.serverAuth))),
    extension(OID.subjectAltName, false, sequence(...names.map(generalName))),
  );
  const version3 = der(0xa0, unsignedInteger(Buffer.of(2)));
  return sequence(
    version3,
    unsignedInteger(serial),
    algorithm,
    subject,
    validity,
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, extensions),
  );
}

function extension(oid: string, critical: boolean, value: Buffer): Buffer {
  const parts = critical ? [objectIdentifier(oid), boolean(true)] : [objectIdentifier(oid)];
  return sequence(...parts, octetString(value));
}

/** A name (tag 2) or an address (tag 7) of a subject alternative name. */
function generalName(name: string): Buffer {
  if (isIP(name) === 0) return der(0x82, Buffer.from(dnsName(name), 'latin1'));
  const words = parseIp(name) ?? [];
  return der(0x87, Buffer.from(words.flatMap((word) => [word >> 8, word & 0xff])));
}

/** A host name as certificates carry it: in ASCII. Throws when it is none. */
export function dnsName(name: string): string {
  const ascii = domainToASCII(name);
  if (!HOST_NAME.test(ascii)) throw new Error(`${JSON.stringify(name)} is no host name`);
  return ascii;
}

/** 16 random bytes with a leading bit that makes the number positive and never shorter. */
function serialNumber(random: Random): Uint8Array {
  const serial = Uint8Array.from(random.bytes(16));
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return serial;
}
