/** Whether each part of a fleet answers, and is ready. */
import { type Finding, ok, problem, warning } from '../finding.ts';
import type { HttpAnswer } from '../probes/http.ts';
import { jsonOf } from '../probes/http.ts';
import type { RegistryAnswer } from '../probes/registry.ts';
import type { Connection } from '../probes/tcp.ts';
import type { Endpoint, ExpectedMember, RegistryPlace, Target } from '../subject.ts';
import { formatAddress } from '../../settings/address.ts';

/** A finding whose weight depends on whether the thing should be there. */
function missing(isExpected: boolean, what: string, found: string, fix: string): Finding {
  return isExpected ? problem(what, found, fix) : warning(what, found, fix);
}

const START: Readonly<Record<Endpoint['kind'], string>> = {
  registry: 'Start it (muster registry serve), with --http for health and metrics',
  status: 'Start it (muster node run), with --status-port',
  mirror: 'Start it (muster mirror run), with --metrics-listen',
};

const REASONS: Readonly<Partial<Record<string, string>>> = {
  ECONNREFUSED: 'nobody listens there',
  ETIMEDOUT: 'no answer in time: a firewall, or the machine is down',
  EHOSTUNREACH: 'there is no way to that machine',
  ENETUNREACH: 'there is no way to that network',
  ENOTFOUND: 'there is no such name',
  UND_ERR_SOCKET: 'the connection ended; it may speak TLS, or no HTTP',
};

function reason(code: string): string {
  return REASONS[code] ?? code;
}

/** A service over HTTP: `health` is its readiness, in the form of its kind. */
export function examineEndpoint(endpoint: Endpoint, health: HttpAnswer): Finding {
  const { owner, kind, address, setting, isExpected } = endpoint;
  if (health.kind === 'failure')
    return missing(
      isExpected,
      owner,
      `nothing answers at ${address}: ${reason(health.reason)}`,
      `${START[kind]}; or change ${setting}.`,
    );
  const body = jsonOf(health.text);
  switch (kind) {
    case 'registry':
      if (body === undefined || typeof body['ready'] !== 'boolean') return stranger(endpoint, health.status);
      return body['ready']
        ? ok(owner, `answers at ${address} and is ready`)
        : problem(
            owner,
            `it is not ready: ${String(body['reason'] ?? health.status)}`,
            `See its log; exit codes and repair are in docs/OPERATIONS.md.`,
          );
    case 'status': {
      if (body === undefined || typeof body['peer_id'] !== 'string') return stranger(endpoint, health.status);
      if (body['ready'] === true) return ok(owner, `answers at ${address} and is ready`);
      const because = Array.isArray(body['not_ready_because']) ? body['not_ready_because'].join('; ') : '';
      return warning(
        owner,
        `it is not ready: ${because}`,
        'Wait, if it has just started. Else look at its seeds (--indexer-addresses, --registry), its pre-shared key (--psk-path), and its log.',
      );
    }
    case 'mirror': {
      const text = health.text.trim().slice(0, 200);
      if (health.status === 200) return ok(owner, `answers at ${address} and is ready`);
      if (health.status !== 503) return stranger(endpoint, health.status);
      return warning(
        owner,
        `it is not ready: ${text}`,
        'Wait, if it has just started. Else see its log; the runtime goes around it until then.',
      );
    }
  }
}

function stranger({ owner, kind, address, setting }: Endpoint, status: number): Finding {
  const wanted = { registry: 'a registry', status: 'a node or indexer', mirror: 'a mirror' }[kind];
  return problem(
    owner,
    `what answers at ${address} (status ${status}) is not ${wanted} of Muster`,
    `Change ${setting}.`,
  );
}

/** The protocol port of a registry, as a client uses it. */
export function examineRegistry(place: RegistryPlace, answer: RegistryAnswer): Finding {
  const { address, setting, isExpected, tls } = place;
  const what = `registry ${address}`;
  if (answer.kind === 'answer')
    return ok(what, `answers${tls === false ? '' : ' with TLS'} in ${answer.ms.toFixed(1)} ms`);
  switch (answer.code) {
    case 'PIN_MISMATCH':
      return problem(
        what,
        'its certificate is not the pinned one',
        'Compare --pin with the fingerprint that the registry prints; if it is another machine, somebody is in between.',
      );
    case 'TLS_FAILED':
      return problem(
        what,
        `TLS fails: ${answer.message}`,
        tls === false
          ? `Change ${setting}.`
          : 'Give --pin with the fingerprint that the registry prints, or --ca; leave them out when it speaks no TLS.',
      );
    case 'PROTOCOL':
    case 'CONNECTION_LOST':
      return problem(
        what,
        `what answers does not speak the protocol: ${answer.message}`,
        tls === false
          ? `If it speaks TLS, give --pin, --ca or --tls; else change ${setting}.`
          : `Change ${setting}.`,
      );
    default:
      return missing(
        isExpected,
        what,
        answer.message,
        `Start it (muster registry serve), open the port in firewalls, or change ${setting}.`,
      );
  }
}

export function examineTarget(
  { owner, address, setting, isExpected }: Target,
  connection: Connection,
): Finding {
  const text = formatAddress(address);
  return connection.kind === 'open'
    ? ok(owner, `${text} takes connections, in ${connection.ms.toFixed(1)} ms`)
    : missing(
        isExpected,
        owner,
        `${text} takes no connection: ${reason(connection.code)}`,
        `Start ${owner}, open the port in firewalls, or change ${setting}.`,
      );
}

/** A container registry: `/v2/` answers 200, or 401 with a demand for credentials. */
export function examineOrigin(url: string, setting: string, answer: HttpAnswer): Finding {
  const what = `origin ${url}`;
  if (answer.kind === 'failure')
    return warning(
      what,
      `it does not answer: ${reason(answer.reason)}`,
      `Mirrors can't pull what none of them has. Change ${setting}, or a proxy or firewall in between.`,
    );
  if (answer.status === 200 || answer.status === 401) return ok(what, `answers (${answer.status})`);
  return warning(
    what,
    `answers ${answer.status} to /v2/, as no container registry does`,
    `Change ${setting}.`,
  );
}

/** What the supervisor says of a member that does not simply run. */
export function examineMember({ name, state }: ExpectedMember): Finding | undefined {
  switch (state) {
    case 'running':
      return undefined;
    case 'starting':
      return warning(name, 'it is starting', 'Wait a moment, and look again.');
    case 'paused':
      return warning(
        name,
        'it is paused, and answers nobody',
        'Resume it on the page, or end the demo that has paused it.',
      );
    case 'killed':
      return warning(
        name,
        'it was killed, and stays so',
        'Restart it on the page, or start the fleet again.',
      );
    case 'stopped':
      return warning(name, 'it was stopped', 'Restart it on the page, or start the fleet again.');
    case 'failed':
      return problem(
        name,
        'it ended by itself',
        'See its log: the supervisor shows the end of it, and keeps it in the folder of the fleet.',
      );
  }
}
