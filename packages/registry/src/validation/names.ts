/**
 * Names, tags and the texts that a node sends about itself (spec section 5). Lengths count UTF-8 bytes. Validators
 * return the error text, or undefined when the value is fine; checks run in the order of the texts in the spec.
 */
import { splitHostPort } from '../wire/endpoint.ts';
import { quote } from '../wire/go-text.ts';
import type { Parsed } from '../wire/go-text.ts';
import { parseIp } from '../wire/ip.ts';

/** Most bytes of a hostname or a network name. */
export const MAX_NAME_BYTES = 63;
/** Most tags of a node, and most tags of a member. */
export const MAX_TAGS = 10;
/** Most bytes of a tag. */
export const MAX_TAG_BYTES = 32;
/** Most bytes of the justification of a handshake. */
export const MAX_JUSTIFICATION_BYTES = 1024;
/** Most bytes of an owner label (B-11). */
export const MAX_OWNER_BYTES = 256;
/** Most bytes of a daemon version (B-11). */
export const MAX_VERSION_BYTES = 64;
/** Most bytes of an external id (B-11). */
export const MAX_EXTERNAL_ID_BYTES = 256;
/** Most bytes of a token (B-11). */
export const MAX_TOKEN_BYTES = 256;
/** Most bytes of a claimed endpoint (B-11). */
export const MAX_LISTEN_ADDR_BYTES = 256;
/** Most LAN addresses of a node (B-11). */
export const MAX_LAN_ADDRS = 16;
/** Most bytes of a LAN address (B-11). */
export const MAX_LAN_ADDR_BYTES = 64;

const NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const TAG = /^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/;
const NAME_RULE = 'must be lowercase alphanumeric with hyphens, start/end with alphanumeric';
const RESERVED_HOSTNAMES: ReadonlySet<string> = new Set(['localhost', 'backbone', 'broadcast']);
const RESERVED_NETWORK_NAME = 'backbone';

/** True when the text takes more than `maxBytes` in UTF-8. */
function isLonger(text: string, maxBytes: number): boolean {
  return text.length > maxBytes || (text.length * 3 > maxBytes && Buffer.byteLength(text) > maxBytes);
}

/** Checks a hostname; the empty one is fine and means none. */
export function validateHostname(hostname: string): string | undefined {
  if (hostname === '') return undefined;
  if (isLonger(hostname, MAX_NAME_BYTES)) return `hostname too long (max ${MAX_NAME_BYTES} chars)`;
  if (!NAME.test(hostname)) return `hostname ${NAME_RULE}`;
  return RESERVED_HOSTNAMES.has(hostname) ? `hostname ${quote(hostname)} is reserved` : undefined;
}

/** Checks the name of a network; whether it is taken is not looked at here. */
export function validateNetworkName(name: string): string | undefined {
  if (name === '') return 'network name required';
  if (isLonger(name, MAX_NAME_BYTES)) return `network name too long (max ${MAX_NAME_BYTES} chars)`;
  if (!NAME.test(name)) return `network name ${NAME_RULE}`;
  return name === RESERVED_NETWORK_NAME ? `network name ${quote(name)} is reserved` : undefined;
}

/**
 * The tags of a node as they are stored: one leading `#` stripped, duplicates removed, order kept. The number is
 * checked before duplicates go.
 */
export function normaliseTags(tags: readonly string[]): Parsed<string[]> {
  if (tags.length > MAX_TAGS) return { ok: false, error: `too many tags (max ${MAX_TAGS})` };
  const normalised = new Set<string>();
  for (const sent of tags) {
    const tag = sent.startsWith('#') ? sent.slice(1) : sent;
    if (tag === '') return { ok: false, error: 'empty tag not allowed' };
    if (isLonger(tag, MAX_TAG_BYTES)) {
      return { ok: false, error: `tag ${quote(tag)} too long (max ${MAX_TAG_BYTES} chars)` };
    }
    if (!TAG.test(tag)) return { ok: false, error: malformedTagText(tag) };
    normalised.add(tag);
  }
  return { ok: true, value: [...normalised] };
}

/** The tags of a member as they are stored: duplicates removed, order kept, no `#` stripped. */
export function normaliseMemberTags(tags: readonly string[]): Parsed<string[]> {
  if (tags.length > MAX_TAGS) return { ok: false, error: `too many member tags (max ${MAX_TAGS})` };
  for (const tag of tags) {
    if (tag === '') return { ok: false, error: 'empty tag not allowed' };
    if (!TAG.test(tag)) return { ok: false, error: malformedTagText(tag) };
  }
  return { ok: true, value: [...new Set(tags)] };
}

function malformedTagText(tag: string): string {
  return `tag ${quote(tag)} must be lowercase alphanumeric with hyphens`;
}

/** Checks the justification of a handshake request. */
export function validateJustification(justification: string): string | undefined {
  if (!isLonger(justification, MAX_JUSTIFICATION_BYTES)) return undefined;
  return `justification too large: ${Buffer.byteLength(justification)} bytes (max ${MAX_JUSTIFICATION_BYTES})`;
}

/** Checks a text against a limit in bytes: `<field> too long (max N)`. */
export function validateLength(field: string, text: string, maxBytes: number): string | undefined {
  return isLonger(text, maxBytes) ? `${field} too long (max ${maxBytes})` : undefined;
}

/** Checks an owner label (B-11). */
export function validateOwner(owner: string): string | undefined {
  return validateLength('owner', owner, MAX_OWNER_BYTES);
}

/** Checks a daemon version (B-11). */
export function validateVersion(version: string): string | undefined {
  return validateLength('version', version, MAX_VERSION_BYTES);
}

/** Checks an external id (B-11). */
export function validateExternalId(externalId: string): string | undefined {
  return validateLength('external_id', externalId, MAX_EXTERNAL_ID_BYTES);
}

/** Checks a claimed endpoint (B-11): only its length, since one that does not parse counts as none. */
export function validateListenAddr(listenAddr: string): string | undefined {
  return validateLength('listen_addr', listenAddr, MAX_LISTEN_ADDR_BYTES);
}

/** Checks a token, join token or network admin token (B-11). `field` is its name in the request. */
export function validateToken(token: string, field = 'token'): string | undefined {
  return validateLength(field, token, MAX_TOKEN_BYTES);
}

/** Checks LAN addresses (B-11): at most 16, each at most 64 bytes, `host:port` with a literal IP. */
export function validateLanAddrs(lanAddrs: readonly string[]): string | undefined {
  if (lanAddrs.length > MAX_LAN_ADDRS) return `lan_addrs too long (max ${MAX_LAN_ADDRS})`;
  for (const lanAddr of lanAddrs) {
    const tooLong = validateLength('lan_addrs entry', lanAddr, MAX_LAN_ADDR_BYTES);
    if (tooLong !== undefined) return tooLong;
    const parts = splitHostPort(lanAddr);
    if (parts === undefined || parseIp(parts.host) === undefined) {
      return `invalid lan_addrs entry: ${quote(lanAddr)}`;
    }
  }
  return undefined;
}
