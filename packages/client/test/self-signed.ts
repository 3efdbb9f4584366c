import { createHash, generateKeyPairSync, sign, X509Certificate } from 'node:crypto';

/** A certificate and its key, as a registry generates them. */
export interface SelfSigned {
  readonly key: string;
  readonly cert: string;
  /** SHA-256 of the certificate, lower-case hex. */
  readonly pin: string;
}

/** DER: one value with its tag. */
function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(contents);
  const { length } = body;
  const header = length < 128 ? [tag, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(header), body]);
}

const sequence = (...contents: readonly Uint8Array[]): Buffer => der(0x30, ...contents);
const hex = (text: string): Buffer => Buffer.from(text, 'hex');

const ECDSA_WITH_SHA256 = sequence(hex('06082a8648ce3d040302'));
const COMMON_NAME = hex('0603550403');
const SUBJECT_ALTERNATIVE_NAME = hex('0603551d11');
const BASIC_CONSTRAINTS = hex('0603551d13');
const TRUE = hex('0101ff');

/** A self-signed certificate for the name `localhost`, ECDSA P-256, valid from a minute ago for an hour. */
export function selfSigned(serialNumber: number): SelfSigned {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = sequence(der(0x31, sequence(COMMON_NAME, der(0x0c, Buffer.from('localhost')))));
  const time = (offsetMs: number): Buffer => {
    const text = new Date(Date.now() + offsetMs).toISOString().replace(/\.\d+|[-:T]/g, '');
    return der(0x17, Buffer.from(text.slice(2)));
  };
  const extensions = sequence(
    sequence(SUBJECT_ALTERNATIVE_NAME, der(0x04, sequence(der(0x82, Buffer.from('localhost'))))),
    sequence(BASIC_CONSTRAINTS, TRUE, der(0x04, sequence(TRUE))),
  );
  const body = sequence(
    der(0xa0, hex('020102')),
    der(0x02, Buffer.of(serialNumber)),
    ECDSA_WITH_SHA256,
    name,
    sequence(time(-60_000), time(3_600_000)),
    name,
    publicKey.export({ format: 'der', type: 'spki' }),
    der(0xa3, extensions),
  );
  const signature = sign('sha256', body, privateKey);
  const certificate = new X509Certificate(
    sequence(body, ECDSA_WITH_SHA256, der(0x03, Buffer.of(0), signature)),
  );
  return {
    key: privateKey.export({ format: 'pem', type: 'pkcs8' }) as string,
    cert: certificate.toString(),
    pin: createHash('sha256').update(certificate.raw).digest('hex'),
  };
}
