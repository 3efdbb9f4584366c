/** One event of a stream of server-sent events (HTML standard, section 9.2). */
export interface SseEvent {
  readonly type: string;
  readonly data: string;
  readonly id: string | undefined;
}

/** Characters of one event: a snapshot of 20,000 peers has about a third of it. */
export const MAX_EVENT_CHARS = 48 * 1024 * 1024;

/**
 * Cuts a stream into events. Text may come in any pieces. Throws a `RangeError` when one event is longer than the limit: whoever
 * sends that is not a page server.
 */
export class SseParser {
  readonly #limit: number;
  #line = '';
  #data: string[] = [];
  #size = 0;
  #type = '';
  #id: string | undefined;
  #endedWithReturn = false;

  constructor(limit: number = MAX_EVENT_CHARS) {
    this.#limit = limit;
  }

  /** The events that are complete with this piece. */
  feed(piece: string): readonly SseEvent[] {
    const events: SseEvent[] = [];
    let start = 0;
    if (this.#endedWithReturn && piece.startsWith('\n')) start = 1;
    if (piece !== '') this.#endedWithReturn = false;
    for (;;) {
      const end = nextBreak(piece, start);
      if (end === -1) break;
      this.#lineIs(this.#line + piece.slice(start, end), events);
      this.#line = '';
      start = end + 1;
      if (piece[end] === '\r') {
        if (piece[start] === '\n') start++;
        else if (start === piece.length) this.#endedWithReturn = true;
      }
    }
    this.#line += start === 0 ? piece : piece.slice(start);
    if (this.#line.length + this.#size > this.#limit) throw new RangeError('an event is too long');
    return events;
  }

  #lineIs(line: string, events: SseEvent[]): void {
    if (line === '') {
      if (this.#data.length > 0)
        events.push({ type: this.#type || 'message', data: this.#data.join('\n'), id: this.#id });
      this.#data = [];
      this.#size = 0;
      this.#type = '';
      return;
    }
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'data') {
      this.#data.push(value);
      this.#size += value.length + 1;
      if (this.#size > this.#limit) throw new RangeError('an event is too long');
    } else if (field === 'event') this.#type = value;
    else if (field === 'id' && !value.includes('\0')) this.#id = value;
  }
}

function nextBreak(text: string, from: number): number {
  const feed = text.indexOf('\n', from);
  const carriage = text.indexOf('\r', from);
  if (carriage === -1) return feed;
  return feed === -1 || carriage < feed ? carriage : feed;
}
