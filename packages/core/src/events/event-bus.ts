/**
 * An in-process event bus (registry spec 13.4): typed topics, synchronous listeners, and bounded subscriptions that
 * can be iterated. A slow subscriber loses events, counted, and never slows or grows the publisher.
 */

/** Topics with the type of what is published under them. */
export type EventTypes = object;

/** An event as subscribers see it: a union that is told apart by `topic`. */
export type BusEvent<Events extends EventTypes, Topic extends keyof Events = keyof Events> = {
  [T in Topic & string]: { readonly topic: T; readonly payload: Events[T] };
}[Topic & string];

/** One topic, all topics that begin with `prefix.`, or all of them. */
export type TopicPattern<Events extends EventTypes> = (keyof Events & string) | `${string}.*` | '*';

type Matching<Events extends EventTypes, Pattern extends string> = Pattern extends '*'
  ? keyof Events & string
  : Pattern extends `${infer Prefix}.*`
    ? Extract<keyof Events & string, `${Prefix}.${string}`>
    : Extract<keyof Events & string, Pattern>;

/** A bounded queue of events. Iterating takes events from it; leaving the loop stops the subscription. */
export interface Subscription<Event> extends AsyncIterable<Event> {
  /** Events lost because the buffer was full. */
  readonly droppedEvents: number;
  /** Ends the subscription: what is buffered can still be iterated, nothing is added. */
  stop(): void;
}

/** Buffered events per subscription, unless it says otherwise. */
export const DEFAULT_SUBSCRIPTION_BUFFER = 1024;

interface Target {
  readonly pattern: string;
  readonly deliver: (event: { topic: string; payload: unknown }) => void;
}

/** The bus. `Events` maps each topic to its payload. */
export class EventBus<Events extends EventTypes> {
  readonly #targets = new Set<Target>();
  /** Targets by topic; forgotten whenever the set of targets changes. */
  readonly #byTopic = new Map<string, readonly Target[]>();
  readonly #publishedByTopic = new Map<string, number>();
  readonly #onListenerError: (error: unknown, topic: string) => void;
  #published = 0;
  #dropped = 0;

  /** `onListenerError` hears of errors that listeners throw; they never reach the publisher. */
  constructor(options: { readonly onListenerError: (error: unknown, topic: string) => void }) {
    this.#onListenerError = options.onListenerError;
  }

  /** Events published so far. */
  get publishedEvents(): number {
    return this.#published;
  }

  /** Events that any subscription lost because its buffer was full. */
  get droppedEvents(): number {
    return this.#dropped;
  }

  /** Events published so far, by topic. */
  get publishedByTopic(): ReadonlyMap<string, number> {
    return this.#publishedByTopic;
  }

  /** Hands the event to all listeners, in the order in which they came, and to the buffers of all subscriptions. */
  publish<Topic extends keyof Events & string>(topic: Topic, payload: Events[Topic]): void {
    this.#published += 1;
    this.#publishedByTopic.set(topic, (this.#publishedByTopic.get(topic) ?? 0) + 1);
    const targets = this.#targetsOf(topic);
    if (targets.length === 0) return;
    const event = { topic, payload };
    for (const target of targets) target.deliver(event);
  }

  /** Calls `listener` for every matching event, before `publish` returns. Returns the function that ends this. */
  on<Pattern extends TopicPattern<Events>>(
    pattern: Pattern,
    listener: (event: BusEvent<Events, Matching<Events, Pattern>>) => void,
  ): () => void {
    return this.#add(pattern, (event) => {
      try {
        listener(event as BusEvent<Events, Matching<Events, Pattern>>);
      } catch (error) {
        this.#onListenerError(error, event.topic);
      }
    });
  }

  /** A subscription that keeps up to `bufferedEvents` matching events until they are taken. */
  subscribe<Pattern extends TopicPattern<Events>>(
    pattern: Pattern,
    options: { readonly bufferedEvents?: number; readonly signal?: AbortSignal } = {},
  ): Subscription<BusEvent<Events, Matching<Events, Pattern>>> {
    const queue = new EventQueue<BusEvent<Events, Matching<Events, Pattern>>>(
      options.bufferedEvents ?? DEFAULT_SUBSCRIPTION_BUFFER,
      () => {
        this.#dropped += 1;
      },
    );
    const remove = this.#add(pattern, (event) =>
      queue.push(event as BusEvent<Events, Matching<Events, Pattern>>),
    );
    queue.onStop(remove);
    if (options.signal?.aborted === true) queue.stop();
    else options.signal?.addEventListener('abort', () => queue.stop(), { once: true });
    return queue;
  }

  #add(pattern: string, deliver: Target['deliver']): () => void {
    const target: Target = { pattern, deliver };
    this.#targets.add(target);
    this.#byTopic.clear();
    return () => {
      this.#targets.delete(target);
      this.#byTopic.clear();
    };
  }

  #targetsOf(topic: string): readonly Target[] {
    let targets = this.#byTopic.get(topic);
    if (targets === undefined) {
      targets = [...this.#targets].filter(({ pattern }) => matches(pattern, topic));
      this.#byTopic.set(topic, targets);
    }
    return targets;
  }
}

function matches(pattern: string, topic: string): boolean {
  if (pattern === '*') return true;
  return pattern.endsWith('.*') ? topic.startsWith(pattern.slice(0, -1)) : topic === pattern;
}

class EventQueue<Event> implements Subscription<Event> {
  readonly #limit: number;
  readonly #onDrop: () => void;
  #buffer: Event[] = [];
  /** Events of the buffer that were taken already; they are cut off in one go. */
  #taken = 0;
  #dropped = 0;
  #stopped = false;
  #wake: (() => void) | undefined;
  #remove: () => void = () => {};

  constructor(limit: number, onDrop: () => void) {
    this.#limit = limit;
    this.#onDrop = onDrop;
  }

  get droppedEvents(): number {
    return this.#dropped;
  }

  onStop(remove: () => void): void {
    this.#remove = remove;
  }

  push(event: Event): void {
    if (this.#stopped) return;
    if (this.#buffer.length - this.#taken >= this.#limit) {
      this.#dropped += 1;
      this.#onDrop();
      return;
    }
    this.#buffer.push(event);
    this.#wake?.();
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#remove();
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Event, void> {
    try {
      for (;;) {
        while (this.#taken < this.#buffer.length) {
          const event = this.#buffer[this.#taken] as Event;
          this.#taken += 1;
          if (this.#taken >= this.#limit || this.#taken === this.#buffer.length) {
            this.#buffer = this.#buffer.slice(this.#taken);
            this.#taken = 0;
          }
          yield event;
        }
        if (this.#stopped) return;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = undefined;
      }
    } finally {
      this.stop();
    }
  }
}
