/** Reads what the control address is asked for. Everything throws CONTROL_REQUEST. */
import { fleetErrors } from '../fleet/fleet-errors.ts';
import { isPeerName } from '../fleet/join-protocol.ts';
import type { NewMember } from './fleet-control.ts';

/** Groups of a cut, and names in each, at most. */
const MAX_GROUPS = 16;
const MAX_NAMES = 1_000;
const ROLES = ['indexer', 'node', 'mirror'] as const;

export function readNewMember(value: unknown): NewMember {
  const { role, name, misbehave, ...others } = recordOf(value);
  refuseOthers(others);
  const known = ROLES.find((each) => each === role);
  if (known === undefined) throw wrong(`role is not one of ${ROLES.join(', ')}`);
  if (name !== undefined && (typeof name !== 'string' || !isPeerName(name))) {
    throw wrong('name is no label of a hostname: a-z, 0-9 and -, at most 63');
  }
  if (misbehave !== undefined && (misbehave !== 'lie' || known !== 'indexer')) {
    throw wrong('misbehave can be lie, for an indexer');
  }
  return {
    role: known,
    ...(name === undefined ? {} : { name }),
    ...(misbehave === undefined ? {} : { misbehave }),
  };
}

export function readGroups(value: unknown): readonly (readonly string[])[] {
  const { groups, ...others } = recordOf(value);
  refuseOthers(others);
  if (!Array.isArray(groups) || groups.length < 2 || groups.length > MAX_GROUPS) {
    throw wrong(`groups is no list of 2 to ${MAX_GROUPS} lists of names`);
  }
  const names = (groups as unknown[]).map(namesOf);
  const all = names.flat();
  if (all.length > MAX_NAMES) throw wrong(`there are more than ${MAX_NAMES} names`);
  if (new Set(all).size !== all.length) throw wrong('a name is in two groups, or twice in one');
  return names;
}

function namesOf(group: unknown): readonly string[] {
  const isNames = Array.isArray(group) && group.every((name) => typeof name === 'string');
  if (!isNames || group.length === 0) throw wrong('a group is no list of names');
  return group as readonly string[];
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>;
  }
  throw wrong('the body is no object');
}

function refuseOthers(others: Readonly<Record<string, unknown>>): void {
  const [first] = Object.keys(others);
  if (first !== undefined) throw wrong(`${JSON.stringify(first.slice(0, 60))} is not known`);
}

function wrong(reason: string): Error {
  return fleetErrors.create('CONTROL_REQUEST', `the request is not understood: ${reason}`);
}
