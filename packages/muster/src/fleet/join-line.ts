/**
 * The line that lets a peer join: where the fleet is, and a ticket. Form: `mst1.` and base64url of
 *
 * | bytes | what |
 * |---|---|
 * | 16 | ticket, random |
 * | 2 | port of the control address, big-endian |
 * | 2 | port of the registry, big-endian |
 * | 1, n | length of the host, and the host |
 * | 4 | first bytes of the SHA-256 of all before |
 *
 * The sum finds lines that were cut off or mistyped; it keeps no secret and proves nothing.
 */
import { createHash } from 'node:crypto';
import { fleetErrors } from './fleet-errors.ts';

/** What a join line says. */
export interface JoinLine {
  /** 16 random bytes; whoever has them may join once. Never logged. */
  readonly ticket: Uint8Array;
  readonly host: string;
  readonly controlPort: number;
  readonly registryPort: number;
}

/** Bytes of a ticket: 128 bit. */
export const TICKET_BYTES = 16;

const PREFIX = 'mst1.';
const SUM_BYTES = 4;
const FIXED_BYTES = TICKET_BYTES + 2 + 2 + 1;
const MAX_HOST_BYTES = 253;
/** Longest text that is looked at: what people paste may have the command before it. */
const MAX_TEXT = 1_000;

/** The text of a line. */
export function encodeJoinLine({ ticket, host, controlPort, registryPort }: JoinLine): string {
  const hostBytes = Buffer.from(host, 'utf8');
  if (ticket.length !== TICKET_BYTES) throw new TypeError(`a ticket has ${TICKET_BYTES} bytes`);
  if (hostBytes.length === 0 || hostBytes.length > MAX_HOST_BYTES) throw new TypeError('no host');
  const body = Buffer.alloc(FIXED_BYTES);
  body.set(ticket);
  body.writeUInt16BE(controlPort, TICKET_BYTES);
  body.writeUInt16BE(registryPort, TICKET_BYTES + 2);
  body.writeUInt8(hostBytes.length, TICKET_BYTES + 4);
  const whole = Buffer.concat([body, hostBytes]);
  return PREFIX + Buffer.concat([whole, sumOf(whole)]).toString('base64url');
}

/** Reads a line; the command that it was printed behind may stand before it. Throws JOIN_LINE_INVALID. */
export function decodeJoinLine(text: string): JoinLine {
  if (text.length > MAX_TEXT) throw invalid('it is too long');
  const word = text.trim().split(/\s+/).at(-1) ?? '';
  if (!word.startsWith(PREFIX)) {
    throw invalid(
      /^mst\d+\./.test(word)
        ? 'it was made by another version of Muster'
        : `it does not begin with ${PREFIX}`,
    );
  }
  const encoded = word.slice(PREFIX.length);
  if (!/^[\w-]+$/.test(encoded)) throw invalid('there is a character in it that none has');
  const bytes = Buffer.from(encoded, 'base64url');
  const hostLength = bytes[FIXED_BYTES - 1];
  const expected = FIXED_BYTES + (hostLength ?? 0) + SUM_BYTES;
  if (hostLength === undefined || bytes.length < expected) throw invalid('its end is missing');
  if (bytes.length > expected) throw invalid('it is mistyped, or something stands behind it');
  const body = bytes.subarray(0, expected - SUM_BYTES);
  if (!sumOf(body).equals(bytes.subarray(expected - SUM_BYTES))) {
    throw invalid('it is mistyped: its check sum does not fit');
  }
  const host = body.toString('utf8', FIXED_BYTES);
  const controlPort = body.readUInt16BE(TICKET_BYTES);
  const registryPort = body.readUInt16BE(TICKET_BYTES + 2);
  if (!/^[\w.:-]+$/.test(host) || controlPort === 0 || registryPort === 0) {
    throw invalid('it names no address');
  }
  return { ticket: Uint8Array.from(body.subarray(0, TICKET_BYTES)), host, controlPort, registryPort };
}

function sumOf(bytes: Uint8Array): Buffer {
  return createHash('sha256').update('muster join line').update(bytes).digest().subarray(0, SUM_BYTES);
}

function invalid(reason: string): Error {
  return fleetErrors.create('JOIN_LINE_INVALID', `not a join line: ${reason}`);
}
