/**
 * Resource events and their signature (discovery spec 8.12, 19.3; DEF-78). The peer id of the sender names its key, so
 * an event needs no certificate beside it.
 */

import { createHash } from 'node:crypto';
import { canonicalJson, publicKeyOfPeerId } from '@muster/core/identity';
import { discoveryErrors } from '../errors.ts';
import type { RecordCrypto } from '../records/record-crypto.ts';
import type { PeerId } from './messages.ts';

/** 8.12. */
export interface Event {
  /** On streams the protocol id, on the topic the action (`search`). */
  readonly type: string;
  readonly from: PeerId;
  /** On streams the addressee; absent on the topic. */
  readonly to?: PeerId;
  readonly User: string;
  readonly Groups?: readonly string[];
  /** 19.2; -1 is all, or none. */
  readonly datatype: number;
  /** Unix seconds. */
  readonly ts: number;
  /** Base64. */
  readonly payload: string;
  /** Base64. */
  readonly sig: string;
  /** Base64 of 12 random bytes. */
  readonly nonce: string;
}

export const EVENT_NONCE_BYTES = 12;

const DOMAIN = 'opencloud/event/1\n';
const MAX_GROUPS = 256;
const MAX_TEXT = 512;
/** Protobuf header of an Ed25519 public key, as in `pub_key` of 9.1. */
const PUBLIC_KEY_HEADER = Uint8Array.of(0x08, 0x01, 0x12, 0x20);

/** Checks the shape, not the signature. Unknown members are left out. Throws FRAME_MALFORMED. */
export function decodeEvent(value: unknown): Event {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed('is no object');
  const fields = value as Record<string, unknown>;
  const to = fields['to'] === undefined || fields['to'] === null ? undefined : text(fields, 'to');
  const groups = groupsOf(fields['Groups']);
  const event: Event = {
    type: text(fields, 'type'),
    from: text(fields, 'from'),
    ...(to === undefined ? {} : { to }),
    User: text(fields, 'User'),
    ...(groups === undefined ? {} : { Groups: groups }),
    datatype: integer(fields, 'datatype'),
    ts: integer(fields, 'ts'),
    payload: base64(fields, 'payload'),
    sig: base64(fields, 'sig'),
    nonce: base64(fields, 'nonce'),
  };
  if (event.type === '' || event.from === '') throw malformed('has an empty type or from');
  if (Buffer.from(event.nonce, 'base64').length !== EVENT_NONCE_BYTES) {
    throw malformed(`has a nonce that is not of ${EVENT_NONCE_BYTES} bytes`);
  }
  return event;
}

/** The text that `sig` covers (19.3, vector A.3). */
export function eventMessage(event: Omit<Event, 'sig'>): string {
  const { type, from, to, User, Groups, datatype, ts, payload, nonce } = event;
  const digest = createHash('sha256').update(Buffer.from(payload, 'base64')).digest('hex');
  const groups = Groups ?? [];
  return (
    DOMAIN +
    canonicalJson({ datatype, from, groups, nonce, payload_sha256: digest, to, ts, type, user: User })
  );
}

/** The event with our signature. `from` is the peer of the key. */
export function signEvent(event: Omit<Event, 'sig'>, crypto: RecordCrypto): Event {
  return { ...event, sig: crypto.sign(eventMessage(event)) };
}

/** Whether `sig` is of the key that `from` derives from. Never throws. */
export function verifyEvent(event: Event, crypto: RecordCrypto): boolean {
  const key = publicKeyOf(event.from);
  return key !== undefined && crypto.verify(key, eventMessage(event), event.sig);
}

/** Base64 of the key that a peer id names, protobuf-encoded; undefined for anything but an Ed25519 peer id. */
function publicKeyOf(peer: PeerId): string | undefined {
  try {
    return Buffer.concat([PUBLIC_KEY_HEADER, publicKeyOfPeerId(peer)]).toString('base64');
  } catch {
    return undefined;
  }
}

function groupsOf(value: unknown): readonly string[] | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value) || value.length > MAX_GROUPS) throw malformed('has no fit list of Groups');
  return value.map((group: unknown) => {
    if (typeof group !== 'string' || group.length > MAX_TEXT)
      throw malformed('has a group that is no short text');
    return group;
  });
}

function text(fields: Record<string, unknown>, name: string): string {
  const value = fields[name];
  if (typeof value !== 'string' || value.length > MAX_TEXT)
    throw malformed(`has a ${name} that is no short text`);
  return value;
}

function integer(fields: Record<string, unknown>, name: string): number {
  const value = fields[name];
  if (!Number.isSafeInteger(value)) throw malformed(`has a ${name} that is no integer`);
  return value as number;
}

function base64(fields: Record<string, unknown>, name: string): string {
  const value = fields[name];
  if (typeof value !== 'string' || Buffer.from(value, 'base64').toString('base64') !== value) {
    throw malformed(`has a ${name} that is no base64`);
  }
  return value;
}

function malformed(problem: string): Error {
  return discoveryErrors.create('FRAME_MALFORMED', `an event ${problem}`);
}
