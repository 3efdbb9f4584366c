/** Something that will happen. Events of one instant happen in the order in which they were scheduled. */
export interface ScheduledEvent {
  readonly at: number;
  readonly order: number;
  /** Undefined once it has happened or was cancelled. */
  action: (() => void) | undefined;
  /** Whose it is: a dead owner's events never happen, a paused one's wait. */
  readonly owner: EventOwner | undefined;
}

/** A process as the queue sees it. */
export interface EventOwner {
  readonly isAlive: boolean;
  readonly isPaused: boolean;
  /** Keeps the event until the process runs again. */
  defer(action: () => void): void;
}

/** Below this, cancelled events are not worth a rebuild. */
const REBUILD_FROM = 1024;

/** Future events in a binary heap. Cancelling is O(1); the heap is rebuilt when most of it is cancelled. */
export class EventQueue {
  #heap: ScheduledEvent[] = [];
  #order = 0;
  #cancelled = 0;

  /** Events that will still happen. */
  get size(): number {
    return this.#heap.length - this.#cancelled;
  }

  /** Of those, what is not of the dead; looks at each. */
  get living(): number {
    return this.#heap.filter(({ action, owner }) => action !== undefined && owner?.isAlive !== false).length;
  }

  push(at: number, action: () => void, owner: EventOwner | undefined): ScheduledEvent {
    const event: ScheduledEvent = { at, order: this.#order++, action, owner };
    this.#heap.push(event);
    this.#up(this.#heap.length - 1);
    return event;
  }

  cancel(event: ScheduledEvent): void {
    if (event.action === undefined) return;
    event.action = undefined;
    this.#cancelled += 1;
    if (this.#cancelled > REBUILD_FROM && this.#cancelled * 2 > this.#heap.length) this.#rebuild();
  }

  /** Takes the next event that is due until then. */
  pop(until: number): { readonly event: ScheduledEvent; readonly action: () => void } | undefined {
    for (;;) {
      const event = this.#heap[0];
      if (event === undefined || event.at > until) return undefined;
      this.#removeFirst();
      const { action } = event;
      if (action === undefined) {
        this.#cancelled -= 1;
        continue;
      }
      event.action = undefined;
      return { event, action };
    }
  }

  #removeFirst(): void {
    const last = this.#heap.pop() as ScheduledEvent;
    if (this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#down(0);
  }

  #rebuild(): void {
    this.#heap = this.#heap.filter(({ action }) => action !== undefined);
    this.#cancelled = 0;
    for (let i = (this.#heap.length >> 1) - 1; i >= 0; i--) this.#down(i);
  }

  #up(start: number): void {
    const heap = this.#heap;
    const event = heap[start] as ScheduledEvent;
    let i = start;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const above = heap[parent] as ScheduledEvent;
      if (!isBefore(event, above)) break;
      heap[i] = above;
      i = parent;
    }
    heap[i] = event;
  }

  #down(start: number): void {
    const heap = this.#heap;
    const event = heap[start] as ScheduledEvent;
    const { length } = heap;
    let i = start;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= length) break;
      const right = child + 1;
      if (right < length && isBefore(heap[right] as ScheduledEvent, heap[child] as ScheduledEvent))
        child = right;
      const below = heap[child] as ScheduledEvent;
      if (!isBefore(below, event)) break;
      heap[i] = below;
      i = child;
    }
    heap[i] = event;
  }
}

function isBefore(a: ScheduledEvent, b: ScheduledEvent): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
