import type { Connection, Libp2p, Stream } from '@libp2p/interface';
import { peerIdFromString } from '@libp2p/peer-id';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import { MusterError } from '@muster/core';
import { type DiscoveryErrorCode, discoveryErrors } from '../../errors.ts';
import type { AddrInfo } from '../../wire/messages.ts';
import { MAX_OUTBOUND_STREAMS } from './host.ts';
import { PSK_MISMATCH_TEXT, PSK_MISSING_TEXT } from './protector.ts';
import { raceAbort } from './deadline.ts';

/** More addresses of one peer are not tried. */
const MAX_DIALLED = 16;

/** The open connection with a peer, or a new one. Rejects DIAL_FAILED, PSK_MISMATCH, or as `signal` says. */
export async function connectTo(libp2p: Libp2p, to: AddrInfo, signal: AbortSignal): Promise<Connection> {
  try {
    const peer = peerIdFromString(to.ID);
    const open = libp2p.getConnections(peer).find((connection) => connection.status === 'open');
    if (open !== undefined) return open;
    const addresses = dialable(to);
    const dial = libp2p.dial(addresses.length > 0 ? addresses : peer, { signal });
    return await raceAbort(dial, signal);
  } catch (error) {
    throw asDialError(error, to, signal);
  }
}

/** A stream with the first of the protocols that the peer serves. Rejects PROTOCOL_UNSUPPORTED, STREAM_RESET, or as `signal` says. */
export async function openStream(
  connection: Connection,
  protocols: string | readonly string[],
  signal: AbortSignal,
  maxOutboundStreams = MAX_OUTBOUND_STREAMS,
): Promise<Stream> {
  const protocol = [protocols].flat().join(', ');
  try {
    const asked = typeof protocols === 'string' ? protocols : [...protocols];
    const opening = connection.newStream(asked, { signal, maxOutboundStreams });
    return await raceAbort(opening, signal);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    const isUnsupported = nameOf(error) === 'UnsupportedProtocolError';
    const code: DiscoveryErrorCode = isUnsupported ? 'PROTOCOL_UNSUPPORTED' : 'STREAM_RESET';
    const message = isUnsupported
      ? `the peer does not serve ${protocol}`
      : `the connection ended while a stream with ${protocol} was opened`;
    throw discoveryErrors.create(code, message, {
      cause: error,
      details: { peer: connection.remotePeer.toString(), protocol },
    });
  }
}

/** Addresses with the peer id at the end; what is no multiaddr is left out. */
function dialable(to: AddrInfo): Multiaddr[] {
  const found: Multiaddr[] = [];
  for (const text of to.Addrs) {
    try {
      const bare = text.split('/p2p/')[0] as string;
      found.push(multiaddr(`${bare}/p2p/${to.ID}`));
    } catch {
      // Addresses come from strangers.
    }
    if (found.length === MAX_DIALLED) break;
  }
  return found;
}

function asDialError(error: unknown, to: AddrInfo, signal: AbortSignal): Error {
  if (error instanceof MusterError) return error;
  if (signal.aborted) return signal.reason as Error;
  const details = { peer: to.ID };
  const text = textsOf(error).find(
    (line) => line.includes(PSK_MISMATCH_TEXT) || line.includes(PSK_MISSING_TEXT),
  );
  if (text !== undefined) {
    return discoveryErrors.create('PSK_MISMATCH', text, { cause: error, details });
  }
  const message = `no address of ${to.ID} could be reached: ${textsOf(error).at(-1) ?? 'no reason given'}`;
  return discoveryErrors.create('DIAL_FAILED', message, { cause: error, details });
}

/** The messages of an error and, when it stands for several, of those. */
function textsOf(error: unknown): string[] {
  if (!(error instanceof Error)) return [String(error)];
  return error instanceof AggregateError
    ? [error.message, ...error.errors.flatMap(textsOf)]
    : [error.message];
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : '';
}
