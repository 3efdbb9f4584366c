/**
 * Which URLs an administrator may configure (spec section 5, row "URLs"). The rules and their texts are the
 * original's, gaps included: what a URL leads to is decided when it is connected to, by the safe fetch.
 */
import { parseIp } from '../admission/ip-address.ts';
import { quote } from '../wire/index.ts';
import { outboundErrors } from './errors.ts';

/** Longest URL that is taken, in characters. The original has no limit. */
export const MAX_URL_LENGTH = 2048;

const metadataHosts: ReadonlySet<string> = new Set([
  'metadata.google.internal',
  'metadata.google.com',
  'ec2.internal',
  'instance-data-service.ec2.internal',
  'metadata.azure.com',
]);

/**
 * Checks a URL. Callers put `<message type>: ` before the text.
 *
 * @throws `invalid_url` with the texts of section 5
 */
export function validateUrl(text: string): void {
  const error = urlError(text);
  if (error !== undefined) throw outboundErrors.create('invalid_url', error);
}

/** As {@link validateUrl}, but gives the text of the error; undefined when the URL may be configured. */
export function urlError(text: string): string | undefined {
  if (text.length > MAX_URL_LENGTH) return `URL too long (max ${MAX_URL_LENGTH})`;
  const parsed = parseUrl(text);
  if ('fault' in parsed) return `invalid URL: parse ${quote(parsed.shown)}: ${parsed.fault}`;
  const { scheme, host } = parsed;
  if (scheme !== 'http' && scheme !== 'https') {
    return `URL must use http or https scheme, got ${quote(scheme)}`;
  }
  if (host === '') return 'URL must have a host';
  if (isLinkLocal(host)) return `URL cannot target link-local address ${host}`;
  if (metadataHosts.has(host.toLowerCase())) return `URL cannot target cloud metadata endpoint ${host}`;
  return undefined;
}

/** Whether this is the name of a cloud metadata service, in any case, with or without the final dot. */
export function isMetadataHost(host: string): boolean {
  return metadataHosts.has(host.toLowerCase().replace(/\.$/, ''));
}

/** 169.254.0.0/16, fe80::/10, 224.0.0.0/24, and multicast of link-local scope; IPv4-mapped forms count as IPv4. */
function isLinkLocal(host: string): boolean {
  const words = parseIp(host.split('%', 1)[0] ?? '');
  if (words === undefined) return false;
  const [first = 0, second = 0] = words;
  if (words.length === 2) return first === 0xa9fe || (first === 0xe000 && second < 0x100);
  return (first & 0xffc0) === 0xfe80 || (first & 0xff0f) === 0xff02;
}

/** Scheme in lower case and host without port and brackets; or what is wrong, and with which part of the text. */
type ParsedUrl =
  | { readonly scheme: string; readonly host: string }
  | { readonly fault: string; readonly shown: string };

/** Reads what the rules look at. The faults are those that the original's URL parser reports for such URLs. */
function parseUrl(text: string): ParsedUrl {
  // The parser takes the fragment off first, and shows the URL without it.
  const [shown = '', ...fragments] = text.split('#');
  const fault = (reason: string): ParsedUrl => ({ fault: reason, shown });
  // oxlint-disable-next-line no-control-regex -- control characters are what this looks for
  if (/[\u0000-\u001f\u007f]/.test(shown)) return fault('net/url: invalid control character in URL');
  if (shown.startsWith(':')) return fault('missing protocol scheme');
  const scheme = /^[A-Za-z][A-Za-z0-9+.-]*(?=:)/.exec(shown)?.[0];
  const rest = (scheme === undefined ? shown : shown.slice(scheme.length + 1)).split('?', 1)[0] ?? '';
  if (scheme === undefined && !rest.startsWith('/') && /^[^/]*:/.test(rest)) {
    return fault('first path segment in URL cannot contain colon');
  }
  const hasAuthority = rest.startsWith('//') && (scheme !== undefined || !rest.startsWith('///'));
  if (!hasAuthority && !rest.startsWith('/') && scheme !== undefined) {
    return { scheme: scheme.toLowerCase(), host: '' };
  }
  const authorityEnd = hasAuthority ? rest.indexOf('/', 2) : 0;
  const authority = hasAuthority ? rest.slice(2, authorityEnd === -1 ? undefined : authorityEnd) : '';
  const parsed = parseAuthority(authority);
  if ('fault' in parsed) return fault(parsed.fault);
  const badEscape = authorityEnd === -1 ? undefined : escapeFault(rest.slice(authorityEnd));
  if (badEscape !== undefined) return fault(badEscape);
  const badFragment = escapeFault(fragments.join('#'));
  if (badFragment !== undefined) return { fault: badFragment, shown: text };
  return { scheme: (scheme ?? '').toLowerCase(), host: parsed.host };
}

type ParsedHost = { readonly host: string } | { readonly fault: string };

function parseAuthority(authority: string): ParsedHost {
  const at = authority.lastIndexOf('@');
  const parsed = parseHost(authority.slice(at + 1));
  if (at === -1 || 'fault' in parsed) return parsed;
  const userinfo = authority.slice(0, at);
  if (!/^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/.test(userinfo)) return { fault: 'net/url: invalid userinfo' };
  const badEscape = escapeFault(userinfo);
  return badEscape === undefined ? parsed : { fault: badEscape };
}

function parseHost(text: string): ParsedHost {
  const bracket = text.lastIndexOf('[');
  if (bracket > 0) return { fault: 'invalid IP-literal' };
  if (bracket === 0) return parseIpLiteral(text);
  const colon = text.indexOf(':');
  const port = colon === -1 ? '' : text.slice(colon);
  if (!isOptionalPort(port)) return { fault: `invalid port ${quote(port)} after host` };
  return unescapeHost(colon === -1 ? text : text.slice(0, colon));
}

function parseIpLiteral(text: string): ParsedHost {
  const close = text.lastIndexOf(']');
  if (close === -1) return { fault: "missing ']' in host" };
  const port = text.slice(close + 1);
  if (!isOptionalPort(port)) return { fault: `invalid port ${quote(port)} after host` };
  const inside = text.slice(1, close);
  // A zone may hold escaped spaces, which a host may not.
  const literal = unescapeHost(/%25/.test(inside) ? inside.replaceAll('%20', '') : inside);
  if ('fault' in literal) return literal;
  if (parseIp(literal.host) === undefined) {
    return { fault: `invalid host: ParseAddr(${quote(literal.host)}): unable to parse IP` };
  }
  return literal.host.includes(':') ? literal : { fault: 'invalid IP-literal' };
}

function isOptionalPort(text: string): boolean {
  return /^(?::[0-9]*)?$/.test(text);
}

// oxlint-disable-next-line no-control-regex -- everything beyond ASCII is allowed
const hostFault =
  /%(?![0-9A-Fa-f]{2}).{0,2}|%(?!25)[0-7].|[^A-Za-z0-9\-_.~!$&'()*+,;=:[\]<>"%\u{80}-\u{10ffff}]/u;

/** Decodes escapes of a host: only those of characters beyond ASCII, and of the `%` before a zone, are allowed. */
function unescapeHost(text: string): ParsedHost {
  const bad = hostFault.exec(text)?.[0];
  if (bad?.startsWith('%') === true) return { fault: `invalid URL escape ${quote(bad)}` };
  if (bad !== undefined) return { fault: `invalid character ${quote(bad)} in host name` };
  return { host: text.replaceAll(/%[0-9A-Fa-f]{2}/g, asByte) };
}

/** One escape as the character of its code; sequences beyond ASCII need not be put together to be compared. */
function asByte(escape: string): string {
  return String.fromCharCode(Number.parseInt(escape.slice(1), 16));
}

/** What the parser says of the first `%` that is not followed by two hexadecimal digits. */
function escapeFault(text: string): string | undefined {
  const at = /%(?![0-9A-Fa-f]{2})/.exec(text)?.index;
  return at === undefined ? undefined : `invalid URL escape ${quote(text.slice(at, at + 3))}`;
}
