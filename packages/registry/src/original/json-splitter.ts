import { originalErrors } from './errors.ts';

/** What a {@link JsonSplitter} finds. `bytes` are only valid during the call; `position` is the byte offset of the value. */
export interface JsonPieces {
  /** Whether the array or object that is the value of this top-level member is delivered piece by piece. */
  splits(key: string): boolean;
  /** A top-level member that is not split. */
  value(key: string, bytes: Uint8Array, position: number): void;
  /** One member of a split object. */
  member(key: string, name: string, bytes: Uint8Array, position: number): void;
  /** One item of a split array. */
  item(key: string, index: number, bytes: Uint8Array, position: number): void;
}

/** Bounds of a {@link JsonSplitter}. */
export interface JsonSplitterLimits {
  /** The largest piece that is collected, in bytes. */
  readonly maxElementBytes: number;
  /** How deep a piece may nest. */
  readonly maxDepth: number;
}

type State = 'start' | 'first-key' | 'key' | 'colon' | 'value' | 'first-item' | 'comma' | 'done';
type Token = 'none' | 'key' | 'string' | 'container' | 'scalar';

const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const comma = 0x2c;
const colon = 0x3a;

function isWhiteSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/**
 * Cuts one JSON object that arrives in chunks into pieces that are small enough for `JSON.parse`, so that a file needs
 * neither one string (whose length is limited) nor one parsed tree. It checks the structure of the two outer levels;
 * the receiver parses the pieces and thereby checks what is in them.
 *
 * Memory: the piece in progress. Errors: ORIGINAL_SNAPSHOT_SYNTAX, ORIGINAL_SNAPSHOT_TOO_LARGE, both with the byte
 * position in `details.position`.
 */
export class JsonSplitter {
  readonly #pieces: JsonPieces;
  readonly #limits: JsonSplitterLimits;
  #state: State = 'start';
  #token: Token = 'none';
  /** Inside of a split container: its kind. */
  #container: 'none' | 'object' | 'array' = 'none';
  #topKey = '';
  #innerKey = '';
  #index = 0;
  /** The bytes of the token in progress that came with earlier chunks. */
  #parts: Uint8Array[] = [];
  #partsBytes = 0;
  #tokenPosition = 0;
  #depth = 0;
  #inString = false;
  #escape = false;
  /** Offset of the current chunk in the whole. */
  #base: number;

  /** @param base the offset of the first byte, for positions */
  constructor(pieces: JsonPieces, limits: JsonSplitterLimits, base = 0) {
    this.#pieces = pieces;
    this.#limits = limits;
    this.#base = base;
  }

  /** Takes the next bytes. The chunk may be reused after the call. */
  push(chunk: Uint8Array): void {
    let at = 0;
    // Where the token in progress starts in this chunk.
    let from = 0;
    while (at < chunk.length) {
      if (this.#token === 'none') {
        from = at;
        at = this.#structure(chunk, at);
        continue;
      }
      const end = this.#scan(chunk, at);
      if (end < 0) break;
      this.#finish(chunk, from, end);
      at = end;
    }
    if (this.#token !== 'none') {
      this.#partsBytes += chunk.length - from;
      if (this.#partsBytes > this.#limits.maxElementBytes) this.#tooLarge();
      // A copy: `slice` of a Buffer would be a view of a chunk that its owner may reuse.
      this.#parts.push(new Uint8Array(chunk.subarray(from)));
    }
    this.#base += chunk.length;
  }

  /** The input is complete; throws when the object is not. */
  end(): void {
    if (this.#state !== 'done') this.#fail(this.#base, 'the file ends before its object does');
  }

  /** Takes one byte between tokens (or the first of a token); returns where to go on. */
  #structure(chunk: Uint8Array, at: number): number {
    const byte = chunk[at] ?? 0;
    if (isWhiteSpace(byte)) return at + 1;
    switch (this.#state) {
      case 'start':
        if (byte !== openBrace) this.#fail(this.#base + at, 'a JSON object is expected');
        this.#state = 'first-key';
        return at + 1;
      case 'first-key':
      case 'key':
        if (byte === closeBrace && this.#state === 'first-key') return this.#leave(at);
        if (byte !== quote) this.#fail(this.#base + at, 'a member name is expected');
        return this.#begin('key', at, true);
      case 'colon':
        if (byte !== colon) this.#fail(this.#base + at, 'a colon is expected');
        this.#state = 'value';
        return at + 1;
      case 'first-item':
        if (byte === closeBracket) return this.#leave(at);
        return this.#beginValue(byte, at);
      case 'value':
        return this.#beginValue(byte, at);
      case 'comma':
        if (byte === comma) {
          this.#state = this.#container === 'array' ? 'value' : 'key';
          return at + 1;
        }
        if (byte !== (this.#container === 'array' ? closeBracket : closeBrace)) {
          this.#fail(this.#base + at, 'a comma or the end of the list is expected');
        }
        return this.#leave(at);
      case 'done':
        return this.#fail(this.#base + at, 'there is data after the end of the object');
      default:
        return this.#state satisfies never;
    }
  }

  #leave(at: number): number {
    this.#state = this.#container === 'none' ? 'done' : 'comma';
    this.#container = 'none';
    return at + 1;
  }

  #beginValue(byte: number, at: number): number {
    const isContainer = byte === openBrace || byte === openBracket;
    if (isContainer && this.#container === 'none' && this.#pieces.splits(this.#topKey)) {
      this.#container = byte === openBrace ? 'object' : 'array';
      this.#state = byte === openBrace ? 'first-key' : 'first-item';
      this.#index = 0;
      return at + 1;
    }
    if (isContainer) return this.#begin('container', at, false);
    if (byte === quote) return this.#begin('string', at, true);
    if (byte === comma || byte === closeBrace || byte === closeBracket || byte === colon) {
      this.#fail(this.#base + at, 'a value is expected');
    }
    return this.#begin('scalar', at, false);
  }

  #begin(token: Token, at: number, inString: boolean): number {
    this.#token = token;
    this.#tokenPosition = this.#base + at;
    this.#depth = token === 'container' ? 1 : 0;
    this.#inString = inString;
    this.#escape = false;
    return at + 1;
  }

  /** Looks for the end of the token in progress: the offset after it, or -1 when it goes on in the next chunk. */
  #scan(chunk: Uint8Array, from: number): number {
    if (this.#token === 'scalar') return scanScalar(chunk, from);
    let at = from;
    let depth = this.#depth;
    let inString = this.#inString;
    let escape = this.#escape;
    const length = chunk.length;
    while (at < length) {
      const byte = chunk[at++] ?? 0;
      if (inString) {
        if (escape) escape = false;
        else if (byte === backslash) escape = true;
        else if (byte === quote) {
          inString = false;
          if (depth === 0) return at;
        }
      } else if (byte === quote) inString = true;
      else if (byte === openBrace || byte === openBracket) {
        depth += 1;
        if (depth > this.#limits.maxDepth) this.#fail(this.#base + at - 1, 'values nest too deeply');
      } else if (byte === closeBrace || byte === closeBracket) {
        depth -= 1;
        if (depth === 0) return at;
      }
    }
    this.#depth = depth;
    this.#inString = inString;
    this.#escape = escape;
    return -1;
  }

  #finish(chunk: Uint8Array, from: number, end: number): void {
    let bytes = chunk.subarray(from, end);
    if (this.#parts.length > 0) {
      this.#parts.push(bytes);
      bytes = Buffer.concat(this.#parts);
      this.#parts = [];
      this.#partsBytes = 0;
    }
    if (bytes.length > this.#limits.maxElementBytes) this.#tooLarge();
    const token = this.#token;
    this.#token = 'none';
    if (token === 'key') {
      const name = parseJson(bytes, this.#tokenPosition);
      if (this.#container === 'none') this.#topKey = String(name);
      else this.#innerKey = String(name);
      this.#state = 'colon';
      return;
    }
    this.#state = 'comma';
    if (this.#container === 'none') this.#pieces.value(this.#topKey, bytes, this.#tokenPosition);
    else if (this.#container === 'object') {
      this.#pieces.member(this.#topKey, this.#innerKey, bytes, this.#tokenPosition);
    } else this.#pieces.item(this.#topKey, this.#index++, bytes, this.#tokenPosition);
  }

  #tooLarge(): never {
    const { maxElementBytes } = this.#limits;
    throw originalErrors.create(
      'ORIGINAL_SNAPSHOT_TOO_LARGE',
      `snapshot: the element at byte ${this.#tokenPosition} is larger than ${maxElementBytes} bytes`,
      { details: { position: this.#tokenPosition, maxElementBytes } },
    );
  }

  #fail(position: number, problem: string): never {
    throw originalErrors.create('ORIGINAL_SNAPSHOT_SYNTAX', `snapshot: at byte ${position} ${problem}`, {
      details: { position },
    });
  }
}

function scanScalar(chunk: Uint8Array, from: number): number {
  for (let at = from; at < chunk.length; at += 1) {
    const byte = chunk[at] ?? 0;
    if (byte === comma || byte === closeBrace || byte === closeBracket || isWhiteSpace(byte)) return at;
  }
  return -1;
}

/**
 * Parses one piece. Errors: ORIGINAL_SNAPSHOT_SYNTAX with the position of the piece (the text itself, which may hold
 * secrets, stays out of the message).
 */
export function parseJson(bytes: Uint8Array, position: number): unknown {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  try {
    return JSON.parse(text);
  } catch {
    throw originalErrors.create(
      'ORIGINAL_SNAPSHOT_SYNTAX',
      `snapshot: the value of ${bytes.length} bytes at byte ${position} is not valid JSON`,
      { details: { position, length: bytes.length } },
    );
  }
}
