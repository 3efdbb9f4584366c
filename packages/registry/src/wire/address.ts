/**
 * Virtual addresses: a network id and a node id, as text `1:0001.00A3.F291` and as 6 bytes (spec section 1.1).
 */
import { quote } from './go-text.ts';
import type { Parsed } from './go-text.ts';

/** A node in a network. */
export interface Address {
  /** Network id, 0 to 65535. */
  readonly network: number;
  /** Node id, 0 to 4294967295; the highest one is the broadcast address of the network. */
  readonly node: number;
}

/** An address with a port. */
export interface SocketAddress extends Address {
  /** 0 to 65535. */
  readonly port: number;
}

/** Bytes of an encoded address. */
export const ADDRESS_BYTES = 6;
/** The node id that means every node of a network. */
export const BROADCAST_NODE = 0xffffffff;

const HEX_GROUP: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).toUpperCase().padStart(2, '0'),
);

function hexGroup(value: number): string {
  return `${HEX_GROUP[value >>> 8]}${HEX_GROUP[value & 0xff]}`;
}

/** The text form, e.g. `1:0001.00A3.F291`. */
export function formatAddress(network: number, node: number): string {
  return `${network}:${hexGroup(network)}.${hexGroup(node >>> 16)}.${hexGroup(node & 0xffff)}`;
}

/** The text form with a port, e.g. `1:0001.00A3.F291:80`. */
export function formatSocketAddress(network: number, node: number, port: number): string {
  return `${formatAddress(network, node)}:${port}`;
}

/** Reads the text form; hexadecimal digits may have either case. The error texts are those of spec section 1.1. */
export function parseAddress(text: string): Parsed<Address> {
  const colon = text.indexOf(':');
  if (colon < 0) return failed(`invalid address: ${quote(text)} (expected N:XXXX.YYYY.YYYY)`);
  const network = parseUint(text.slice(0, colon), DECIMAL, 10, 0xffff);
  if (!network.ok) return failed(`invalid network ID: ${network.error}`);
  const hexText = text.slice(colon + 1);
  const groups = hexText.split('.', 4);
  if (groups.length !== 3) {
    return failed(`invalid address: ${quote(hexText)} (expected 3 dot-separated hex groups)`);
  }
  const values: number[] = [];
  for (const group of groups) {
    if (Buffer.byteLength(group) !== 4)
      return failed(`invalid hex group: ${quote(group)} (expected 4 digits)`);
    const value = parseUint(group, HEXADECIMAL, 16, 0xffff);
    if (!value.ok) return failed(`invalid hex group: ${value.error}`);
    values.push(value.value);
  }
  const [hexNetwork = 0, high = 0, low = 0] = values;
  if (hexNetwork !== network.value) {
    return failed(`network mismatch: decimal ${network.value} != hex 0x${hexGroup(hexNetwork)}`);
  }
  return { ok: true, value: { network: network.value, node: high * 0x10000 + low } };
}

/** Reads an address with a port; the port stands after the last colon. */
export function parseSocketAddress(text: string): Parsed<SocketAddress> {
  const colon = text.lastIndexOf(':');
  if (colon < 0) return failed(`invalid socket address: ${quote(text)} (no port)`);
  const address = parseAddress(text.slice(0, colon));
  if (!address.ok) return address;
  const port = parseUint(text.slice(colon + 1), DECIMAL, 10, 0xffff);
  if (!port.ok) return failed(`invalid port: ${port.error}`);
  return { ok: true, value: { ...address.value, port: port.value } };
}

const DECIMAL = /^[0-9]+$/;
const HEXADECIMAL = /^[0-9A-Fa-f]+$/;

/** An unsigned number without a sign, with the error texts of Go's `strconv.ParseUint` after the quoted text. */
function parseUint(text: string, digits: RegExp, radix: 10 | 16, maximum: number): Parsed<number> {
  const quoted = quote(text);
  if (!digits.test(text)) return failed(`${quoted}: strconv.ParseUint: parsing ${quoted}: invalid syntax`);
  const value = Number.parseInt(text, radix);
  if (value > maximum) return failed(`${quoted}: strconv.ParseUint: parsing ${quoted}: value out of range`);
  return { ok: true, value };
}

function failed(error: string): { readonly ok: false; readonly error: string } {
  return { ok: false, error };
}

/** Writes the 6 bytes of an address and returns the offset after them. */
export function writeAddress(target: Uint8Array, offset: number, network: number, node: number): number {
  target[offset] = network >>> 8;
  target[offset + 1] = network;
  target[offset + 2] = node >>> 24;
  target[offset + 3] = node >>> 16;
  target[offset + 4] = node >>> 8;
  target[offset + 5] = node;
  return offset + ADDRESS_BYTES;
}

/** The 6 bytes of an address. */
export function encodeAddress(network: number, node: number): Buffer {
  const bytes = Buffer.allocUnsafe(ADDRESS_BYTES);
  writeAddress(bytes, 0, network, node);
  return bytes;
}

/** Reads 6 bytes; fewer decode to network 0, node 0, and more are ignored. */
export function decodeAddress(bytes: Uint8Array): Address {
  if (bytes.length < ADDRESS_BYTES) return { network: 0, node: 0 };
  const view = new DataView(bytes.buffer, bytes.byteOffset, ADDRESS_BYTES);
  return { network: view.getUint16(0), node: view.getUint32(2) };
}

/** True for the address that means every node of its network. */
export function isBroadcast(address: Address): boolean {
  return address.node === BROADCAST_NODE;
}
