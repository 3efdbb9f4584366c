/** What a benchmark is asked to do. */
export interface BenchmarkArguments {
  readonly service: string;
  /** Smaller and shorter, for a first look. */
  readonly quick: boolean;
  /** Print one JSON object and nothing else. */
  readonly json: boolean;
  /** Ids, or beginnings of ids, that are wanted; empty = all. */
  readonly only: readonly string[];
  /** Port on this machine of another implementation with an empty store, to be measured beside ours. */
  readonly original: number | undefined;
}

export const USAGE = 'usage: npm run bench -- <service> [--quick] [--json] [--only id,id] [--original port]';

/** Reads the command line. Throws an error with a text for the user. */
export function parseArguments(argv: readonly string[]): BenchmarkArguments {
  let service: string | undefined;
  let quick = false;
  let json = false;
  let original: number | undefined;
  const only: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i] as string;
    if (argument === '--quick') quick = true;
    else if (argument === '--json') json = true;
    else if (argument === '--only') only.push(...idsOf(argv[++i]));
    else if (argument.startsWith('--only=')) only.push(...idsOf(argument.slice('--only='.length)));
    else if (argument === '--original') original = portOf(argv[++i]);
    else if (argument.startsWith('-') || service !== undefined)
      throw new Error(`unknown argument ${argument}\n${USAGE}`);
    else service = argument;
  }
  if (service === undefined) throw new Error(USAGE);
  if (!/^[a-z][a-z-]*$/.test(service)) throw new Error(`no benchmark for ${service}\n${USAGE}`);
  return { service, quick, json, only, original };
}

/** Whether one of `ids` is wanted. */
export function isWanted(only: readonly string[], ids: readonly string[]): boolean {
  if (only.length === 0) return true;
  return ids.some((id) => only.some((wanted) => id === wanted || id.startsWith(`${wanted}.`)));
}

/** Whether something is wanted of what `groups` measure: a whole group, or one of its ids. */
export function isTouched(only: readonly string[], groups: readonly string[]): boolean {
  return isWanted(only, groups) || only.some((id) => isWanted(groups, [id]));
}

function portOf(text: string | undefined): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new Error(`--original needs a port\n${USAGE}`);
  return port;
}

function idsOf(text: string | undefined): readonly string[] {
  const ids = (text ?? '').split(',').filter((id) => id !== '');
  if (ids.length === 0) throw new Error(`--only needs ids\n${USAGE}`);
  return ids;
}
