import { createHash } from 'node:crypto';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { errorCode, MusterError } from '@muster/core/identity';
import { clientErrors } from '../errors.ts';
import type { ResolvedOptions, ResolvedTls } from '../options.ts';

/** How long the system waits before it probes a silent connection. */
const KEEP_ALIVE_DELAY_MS = 30_000;

/**
 * Opens a connection that may be used: with TLS, the certificate has been checked. Until then nothing is written.
 * Rejects with CONNECT_FAILED, TLS_FAILED, PIN_MISMATCH, or with CLOSED when `signal` is aborted.
 */
export async function dial(options: ResolvedOptions, signal: AbortSignal): Promise<Socket> {
  const { host, port, tls } = options;
  const target = { host, port };
  return await new Promise((resolve, reject) => {
    const socket = tls === undefined ? connectTcp(target) : connectTls({ ...target, ...tlsSettings(tls) });
    const timer = setTimeout(() => {
      fail(
        clientErrors.create(
          'CONNECT_FAILED',
          `no connection to ${host}:${port} within ${options.connectTimeoutMs} ms`,
        ),
      );
    }, options.connectTimeoutMs);
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('error', fail);
    socket.once('close', onClose);
    socket.once(tls === undefined ? 'connect' : 'secureConnect', onReady);

    function settle(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      socket.off('error', fail);
      socket.off('close', onClose);
    }
    function fail(error: Error): void {
      settle();
      // An error that comes after this one has nobody to go to.
      socket.on('error', () => undefined);
      socket.destroy();
      reject(dialError(options, error));
    }
    function onAbort(): void {
      fail(clientErrors.create('CLOSED', 'the client was closed'));
    }
    function onClose(): void {
      fail(clientErrors.create('CONNECT_FAILED', `${host}:${port} closed the connection at once`));
    }
    function onReady(): void {
      if (tls?.pin !== undefined) {
        const found = certificatePin(socket as TLSSocket);
        if (found !== tls.pin) {
          fail(
            clientErrors.create('PIN_MISMATCH', `${host}:${port} does not have the pinned certificate`, {
              details: { pinned: tls.pin, found },
            }),
          );
          return;
        }
      }
      settle();
      // For an error that comes before the connection has its own listener.
      socket.on('error', () => undefined);
      socket.setNoDelay(true);
      socket.setKeepAlive(true, KEEP_ALIVE_DELAY_MS);
      resolve(socket);
    }
  });
}

function tlsSettings(tls: ResolvedTls): object {
  return {
    minVersion: 'TLSv1.3',
    // The pin alone decides where no certificate authority was named.
    rejectUnauthorized: tls.pin === undefined || tls.ca !== undefined,
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.servername === undefined ? {} : { servername: tls.servername }),
  };
}

function certificatePin(socket: TLSSocket): string {
  const certificate = socket.getPeerX509Certificate();
  return certificate === undefined ? '' : createHash('sha256').update(certificate.raw).digest('hex');
}

function dialError(options: ResolvedOptions, cause: Error): Error {
  if (cause instanceof MusterError) return cause;
  const where = `${options.host}:${options.port}`;
  // Errors of the system have a syscall; what else comes out of a TLS socket is about TLS.
  const ofSystem = 'syscall' in cause || errorCode(cause) === 'ECONNRESET' || cause instanceof AggregateError;
  return options.tls === undefined || ofSystem
    ? clientErrors.create('CONNECT_FAILED', `no connection to ${where}: ${reasonOf(cause)}`, { cause })
    : clientErrors.create('TLS_FAILED', `no TLS with ${where}: ${reasonOf(cause)}`, { cause });
}

function reasonOf(cause: Error): string {
  return cause.message === '' ? (errorCode(cause) ?? cause.name) : cause.message;
}
