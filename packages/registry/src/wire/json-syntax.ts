/**
 * Explains why a text is not JSON, in the words of the protocol's reference decoder: some of these texts reach
 * clients (spec sections 2.3, 6.4 and 7.7). Runs only after `JSON.parse` has refused the text.
 */
import { quote } from './go-text.ts';

const END = 'unexpected end of JSON input';
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const TOKEN_CONTEXT = /numeric literal|in literal|escape/;
const SPACE = /[ \t\r\n]*/y;

/** The text of the first error in `bytes`, e.g. `invalid character 'x' after top-level value`. */
export function explainJsonError(bytes: Uint8Array, maxDepth: number): string {
  // One character per byte, because the reference decoder names the offending byte.
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  return new SyntaxChecker(text, maxDepth).firstError() ?? 'invalid JSON';
}

type Problem = string | undefined;

/** Walks the text with an explicit stack, so that no nesting can exhaust the call stack. */
class SyntaxChecker {
  readonly #text: string;
  readonly #maxDepth: number;
  #position = 0;
  /** The closing characters of the open arrays and objects. */
  readonly #open: ('}' | ']')[] = [];

  constructor(text: string, maxDepth: number) {
    this.#text = text;
    this.#maxDepth = maxDepth;
  }

  firstError(): Problem {
    let problem = this.#value('looking for beginning of value');
    while (problem === undefined && this.#open.length > 0) problem = this.#afterValue();
    if (problem !== undefined) return problem;
    this.#skip(SPACE);
    return this.#position < this.#text.length ? this.#unexpected('after top-level value') : undefined;
  }

  /** A value up to its end, or up to the inside of the array or object that it opens. */
  #value(context: string): Problem {
    this.#skip(SPACE);
    const character = this.#text[this.#position];
    switch (character) {
      case undefined:
        return END;
      case '{':
      case '[':
        return this.#enter(character);
      case '"':
        return this.#string();
      case 't':
        return this.#literal('true');
      case 'f':
        return this.#literal('false');
      case 'n':
        return this.#literal('null');
      default:
        return /[-\d]/.test(character) ? this.#number() : this.#unexpected(context);
    }
  }

  #enter(opening: '{' | '['): Problem {
    const closing = opening === '{' ? '}' : ']';
    this.#position++;
    this.#open.push(closing);
    if (this.#open.length > this.#maxDepth) return DEPTH_ERROR;
    this.#skip(SPACE);
    if (this.#text[this.#position] === closing) {
      this.#position++;
      this.#open.pop();
      return undefined;
    }
    return opening === '{' ? this.#member() : this.#value('looking for beginning of value');
  }

  /** A name, a colon, and the value as far as {@link #value} goes. */
  #member(): Problem {
    this.#skip(SPACE);
    if (this.#text[this.#position] !== '"')
      return this.#unexpected('looking for beginning of object key string');
    const problem = this.#string();
    if (problem !== undefined) return problem;
    this.#skip(SPACE);
    if (this.#text[this.#position] !== ':') return this.#unexpected('after object key');
    this.#position++;
    return this.#value('looking for beginning of value');
  }

  /** What follows a value inside an array or object: its end, or a comma and the next value. */
  #afterValue(): Problem {
    this.#skip(SPACE);
    const character = this.#text[this.#position];
    const closing = this.#open.at(-1);
    if (character === closing) {
      this.#position++;
      this.#open.pop();
      return undefined;
    }
    if (character !== ',') {
      return this.#unexpected(closing === '}' ? 'after object key:value pair' : 'after array element');
    }
    this.#position++;
    return closing === '}' ? this.#member() : this.#value('looking for beginning of value');
  }

  #string(): Problem {
    this.#position++;
    for (;;) {
      const character = this.#text[this.#position];
      if (character !== undefined && character >= ' ' && character !== '"' && character !== '\\') {
        this.#position++;
        continue;
      }
      if (character === '"') {
        this.#position++;
        return undefined;
      }
      if (character !== '\\') return this.#unexpected('in string literal');
      this.#position++;
      const escape = this.#text[this.#position];
      if (escape === undefined || !'"\\/bfnrtu'.includes(escape))
        return this.#unexpected('in string escape code');
      this.#position++;
      const problem = escape === 'u' ? this.#fourHexDigits() : undefined;
      if (problem !== undefined) return problem;
    }
  }

  #fourHexDigits(): Problem {
    for (let digit = 0; digit < 4; digit++) {
      if (!/[0-9A-Fa-f]/.test(this.#text[this.#position] ?? '')) {
        return this.#unexpected('in \\u hexadecimal character escape');
      }
      this.#position++;
    }
    return undefined;
  }

  #literal(word: 'true' | 'false' | 'null'): Problem {
    for (const expected of word) {
      if (this.#text[this.#position] !== expected) {
        return this.#unexpected(`in literal ${word} (expecting '${expected}')`);
      }
      this.#position++;
    }
    return undefined;
  }

  #number(): Problem {
    const start = this.#position;
    NUMBER.lastIndex = start;
    const number = NUMBER.exec(this.#text)?.[0];
    this.#position += number?.length ?? 1;
    if (number === undefined) return this.#unexpected('in numeric literal');
    // The longest number was taken; a point or an exponent that could still follow lacks its digits.
    const next = this.#text[this.#position];
    if (next === '.' && !/[.eE]/.test(number)) {
      this.#position++;
      return this.#unexpected('after decimal point in numeric literal');
    }
    if ((next === 'e' || next === 'E') && !/[eE]/.test(number)) {
      this.#position++;
      if (/[+-]/.test(this.#text[this.#position] ?? '')) this.#position++;
      return this.#unexpected('in exponent of numeric literal');
    }
    return undefined;
  }

  #skip(pattern: RegExp): void {
    pattern.lastIndex = this.#position;
    pattern.test(this.#text);
    this.#position = pattern.lastIndex;
  }

  #unexpected(context: string): string {
    const character = this.#text[this.#position];
    // The reference decoder ends its input with a space, which only the inside of a token refuses.
    if (character === undefined)
      return TOKEN_CONTEXT.test(context) ? `invalid character ' ' ${context}` : END;
    return `invalid character ${quoteByte(character)} ${context}`;
  }
}

/** The text for nesting beyond the limit. */
export const DEPTH_ERROR = 'exceeded max depth';

function quoteByte(character: string): string {
  if (character === "'") return String.raw`'\''`;
  if (character === '"') return `'"'`;
  return `'${quote(character).slice(1, -1)}'`;
}
