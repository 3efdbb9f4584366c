import type { FleetControl, MemberEvent } from '../../src/dev/fleet-control.ts';
import { fleetErrors } from '../../src/fleet/fleet-errors.ts';
import type { FleetMember } from '../../src/fleet/fleet-file.ts';
import { fleetFile } from '../support/fleet-file.ts';

export interface FakeControl extends FleetControl {
  /** What was asked for, in order. */
  readonly asked: unknown[][];
  tell(event: MemberEvent): void;
  readonly listeners: number;
}

/** A fleet of one member, alpha, to which nothing happens. Tickets are all refused, unless `answer` is given. */
export function fakeControl(answer?: Awaited<ReturnType<FleetControl['join']>>): FakeControl {
  const asked: unknown[][] = [];
  const listeners = new Set<(event: MemberEvent) => void>();
  const member = (name: string): FleetMember => ({ name, role: 'node', state: 'running' });
  const act =
    (what: string) =>
    async (name: string): Promise<FleetMember> => {
      asked.push([what, name]);
      if (name === 'alpha') return member(name);
      throw fleetErrors.create('FLEET_MEMBER_UNKNOWN', `the fleet has no member ${name}`);
    };
  return {
    asked,
    fleet: () => fleetFile('/fleet'),
    add: async (wish) => {
      asked.push(['add', wish]);
      return member(wish.name ?? 'bravo');
    },
    remove: act('remove'),
    kill: act('kill'),
    restart: act('restart'),
    pause: act('pause'),
    resume: act('resume'),
    cut: (groups) => void asked.push(['cut', groups]),
    heal: () => void asked.push(['heal']),
    issueTicket: () => ({ line: 'mst1.x', expiresAt: 1 }),
    join: async (request) => {
      asked.push(['join', request.name]);
      if (answer !== undefined) return answer;
      throw fleetErrors.create('TICKET_REFUSED', 'the join line was used already');
    },
    onMember: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    tell: (event) => {
      for (const listener of listeners) listener(event);
    },
    get listeners() {
      return listeners.size;
    },
  };
}
