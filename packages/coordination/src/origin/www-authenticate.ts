/**
 * The challenges of a 401 answer (coordination spec 15.3). They come from whoever answers at the origin's address, so that
 * nothing in them is believed beyond its form, and the number of parameters and their lengths are bounded.
 */

/** What a challenge asks for. Keys of parameters are in lower case. */
export type Challenge =
  | { readonly scheme: 'bearer'; readonly parameters: Readonly<Record<string, string>> }
  | { readonly scheme: 'basic' };

const MAX_HEADER_LENGTH = 8_192;
const MAX_PARAMETERS = 16;
/** `name=` of a parameter, with the separators before it. */
const PARAMETER_START = /[\s,]*([^\s,="]+)[ \t]*=[ \t]*/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/y;
const BARE = /[^\s,"]*/y;
/** A scheme name: a token that no `=` follows. */
const SCHEME = /[\s,]*([A-Za-z][A-Za-z0-9._~+-]*)(?=[ \t,]|$)(?![ \t]*=)/y;

/** The parameters of a single Bearer challenge; none for another scheme, or when nothing can be read. */
export function parseBearerChallenge(text: string): Readonly<Record<string, string>> {
  for (const challenge of parseChallenges([text])) {
    if (challenge.scheme === 'bearer') return challenge.parameters;
  }
  return {};
}

/** All Bearer and Basic challenges of the `WWW-Authenticate` headers, in their order; other schemes are left out. */
export function parseChallenges(headers: readonly string[]): readonly Challenge[] {
  return headers.flatMap((header) => challengesOf(header.slice(0, MAX_HEADER_LENGTH)));
}

/** The challenge to answer: Bearer before Basic, whatever their order (15.3). */
export function chooseChallenge(headers: readonly string[]): Challenge | undefined {
  const challenges = parseChallenges(headers);
  const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
  return bearer ?? challenges[0];
}

function challengesOf(text: string): readonly Challenge[] {
  const challenges: Challenge[] = [];
  let at = 0;
  for (;;) {
    const scheme = match(SCHEME, text, at);
    if (scheme === undefined) return challenges;
    const { parameters, end, isCut } = parametersOf(text, scheme.end);
    const name = scheme.groups[1]?.toLowerCase();
    if (name === 'bearer') challenges.push({ scheme: 'bearer', parameters });
    else if (name === 'basic') challenges.push({ scheme: 'basic' });
    if (isCut) return challenges;
    at = end;
  }
}

interface Parameters {
  readonly parameters: Readonly<Record<string, string>>;
  readonly end: number;
  /** An unterminated quote, or too much of it: nothing behind it is read. */
  readonly isCut: boolean;
}

function parametersOf(text: string, from: number): Parameters {
  const found = new Map<string, string>();
  let at = from;
  for (;;) {
    const start = match(PARAMETER_START, text, at);
    if (start === undefined) return { parameters: Object.fromEntries(found), end: at, isCut: false };
    const isQuoted = text[start.end] === '"';
    const value = match(isQuoted ? QUOTED : BARE, text, start.end);
    if (value === undefined || found.size >= MAX_PARAMETERS) {
      return { parameters: Object.fromEntries(found), end: text.length, isCut: true };
    }
    const key = (start.groups[1] as string).toLowerCase();
    // The first value stands: a second realm must not take its place.
    if (!found.has(key)) {
      found.set(key, isQuoted ? (value.groups[1] as string).replaceAll(/\\(.)/g, '$1') : value.text);
    }
    at = value.end;
  }
}

interface Match {
  readonly text: string;
  readonly groups: readonly (string | undefined)[];
  readonly end: number;
}

function match(pattern: RegExp, text: string, at: number): Match | undefined {
  pattern.lastIndex = at;
  const found = pattern.exec(text);
  return found === null ? undefined : { text: found[0], groups: found, end: pattern.lastIndex };
}
