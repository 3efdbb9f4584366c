/** Whether services can listen, or do, where they are told to; and who does in their place. */
import { type Finding, ok, problem, warning } from '../finding.ts';
import type { PortOwner } from '../probes/port-owner.ts';
import { formatAddress } from '../../settings/address.ts';
import type { ListenPort } from '../subject.ts';

/** What is known of a port. */
export interface PortFacts {
  readonly port: ListenPort;
  /** Undefined: it is free. Else the code with which the system refused to listen. */
  readonly refusal: string | undefined;
  /** The process that listens, where this user may know it. */
  readonly holder: PortOwner | undefined;
}

export function examinePorts(facts: readonly PortFacts[]): readonly Finding[] {
  return [...examineTwice(facts), ...facts.map(examinePort)];
}

/** Two services that were told the same port can't both have it. */
function examineTwice(facts: readonly PortFacts[]): readonly Finding[] {
  const bySocket = new Map<string, ListenPort>();
  return facts.flatMap(({ port }) => {
    if (port.address.port === 0) return [];
    const text = formatAddress(port.address);
    const other = bySocket.get(text);
    bySocket.set(text, port);
    if (other === undefined) return [];
    return [
      problem(
        `port of ${port.owner}`,
        `${text} is that of ${other.owner}, too`,
        `Change ${port.setting} or ${other.setting}.`,
      ),
    ];
  });
}

function examinePort({ port, refusal, holder }: PortFacts): Finding {
  const { owner, address, setting, running } = port;
  const what = `port of ${owner}`;
  const text = formatAddress(address);
  if (address.port === 0) return ok(what, 'any free one, as it is told to take');
  if (refusal === undefined) {
    if (running === undefined) return ok(what, `${text} is free`);
    return problem(
      what,
      `${owner} should listen on ${text}, and nobody does`,
      `Restart ${owner}, and see its log.`,
    );
  }
  if (refusal === 'EADDRINUSE') return examineHolder(port, text, holder);
  if (refusal === 'EACCES' || refusal === 'EPERM') {
    return problem(
      what,
      `the system does not let this user listen on ${text}`,
      `Take a port above 1023 in ${setting}, or give the service the right: AmbientCapabilities=CAP_NET_BIND_SERVICE`,
    );
  }
  if (refusal === 'EADDRNOTAVAIL' || refusal === 'ENOTFOUND')
    return problem(what, `${address.host} is no address of this machine`, `Change ${setting}.`);
  return problem(what, `nobody can listen on ${text} (${refusal})`, `Change ${setting}.`);
}

function examineHolder(
  { owner, setting, running }: ListenPort,
  text: string,
  holder: PortOwner | undefined,
): Finding {
  const what = `port of ${owner}`;
  if (holder === undefined) {
    return running === undefined
      ? warning(
          what,
          `${text} is taken, by a process of another user`,
          `If that is not ${owner}: stop it (ss -ltnp as root tells who it is), or change ${setting}.`,
        )
      : ok(what, `${text} is taken`);
  }
  const who = `process ${holder.pid} (${shortened(holder.command)})`;
  if (running?.pid !== undefined && running.pid !== holder.pid) {
    return problem(
      what,
      `${text} is taken by ${who}, not by ${owner}, which is process ${running.pid}`,
      `Stop process ${holder.pid}, or change ${setting}.`,
    );
  }
  if (running !== undefined) return ok(what, `${owner} listens on ${text}, process ${holder.pid}`);
  if (isMuster(holder.command)) return ok(what, `${text} is taken by ${who}`);
  return problem(what, `${text} is taken by ${who}`, `Stop that, or change ${setting}.`);
}

/** Whether a command line is one of this program. */
export function isMuster(command: string): boolean {
  return /(^|[/\s])muster(\.mjs)?(\s|$)/.test(command);
}

function shortened(command: string): string {
  return command.length > 80 ? `${command.slice(0, 79)}…` : command;
}
