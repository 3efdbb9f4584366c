/**
 * Splits a byte stream into frames `[u32 length][length bytes]` (spec sections 2.3 and 2.4). The length of a binary
 * frame includes its opcode, so both framings split alike.
 *
 * Faults that it expects: peers that announce much and send little, cut their bytes anywhere, or send many frames at
 * once. What holds: memory follows the bytes that arrived, never a length that was only announced (B-06).
 */
import { LENGTH_BYTES, readU32At } from './framing.ts';

/** Result of {@link FrameCursor.next}. */
export const FRAME_STEP = {
  /** The rest of the next frame has not arrived. */
  incomplete: 0,
  /** A frame lies between `bodyStart` and `bodyEnd`. */
  frame: 1,
  /** The next frame announces more than the limit; its length is in `announcedBytes`. */
  tooLarge: 2,
} as const;

/** One of the values of {@link FRAME_STEP}. */
export type FrameStep = (typeof FRAME_STEP)[keyof typeof FRAME_STEP];

/**
 * Finds frames in place, without allocation: one cursor is reused for every receive buffer.
 *
 * ```
 * cursor.offset = start;
 * while (cursor.next(buffer, end, maxFrameBytes) === FRAME_STEP.frame) handle(cursor.bodyStart, cursor.bodyEnd);
 * ```
 */
export class FrameCursor {
  /** Where the next frame begins; everything in front of it has been handed out. */
  offset = 0;
  /** First byte of the frame that was found, behind its length. */
  bodyStart = 0;
  /** The byte behind the frame that was found. */
  bodyEnd = 0;
  /** The length that the last seen header announced. */
  announcedBytes = 0;

  /** Looks for a complete frame between `offset` and `end`, and moves `offset` behind it. */
  next(buffer: Uint8Array, end: number, maxFrameBytes: number): FrameStep {
    const bodyStart = this.offset + LENGTH_BYTES;
    if (bodyStart > end) return FRAME_STEP.incomplete;
    const bytes = readU32At(buffer, this.offset);
    this.announcedBytes = bytes;
    if (bytes > maxFrameBytes) return FRAME_STEP.tooLarge;
    const bodyEnd = bodyStart + bytes;
    if (bodyEnd > end) return FRAME_STEP.incomplete;
    this.bodyStart = bodyStart;
    this.bodyEnd = bodyEnd;
    this.offset = bodyEnd;
    return FRAME_STEP.frame;
  }
}

/** What {@link FrameAssembler.next} found. */
export type AssembledFrame =
  | { readonly kind: 'frame'; readonly body: Buffer }
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'too-large'; readonly bytes: number; readonly maxBytes: number };

const INCOMPLETE: AssembledFrame = { kind: 'incomplete' };
const NO_BYTES = Buffer.alloc(0);
const SMALLEST_BUFFER_BYTES = 256;

/**
 * Collects chunks of any size and hands out complete frames. Memory is at most twice the
 * most bytes that waited at once (or 256 bytes).
 * Chunks are copied, so the caller may reuse them; the frames belong to the caller.
 */
export class FrameAssembler {
  readonly #cursor = new FrameCursor();
  #buffer: Buffer = NO_BYTES;
  #end = 0;
  #refused: AssembledFrame | undefined;
  #maxFrameBytes: number;

  /** @param maxFrameBytes largest announced length that is accepted. */
  constructor(maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** Largest announced length that is accepted. */
  get maxFrameBytes(): number {
    return this.#maxFrameBytes;
  }

  /** Changes the limit for frames that have not been handed out yet. */
  set maxFrameBytes(value: number) {
    this.#maxFrameBytes = value;
  }

  /** Bytes that have arrived and were not handed out. */
  get pendingBytes(): number {
    return this.#end - this.#cursor.offset;
  }

  /** Bytes of memory held. */
  get capacityBytes(): number {
    return this.#buffer.length;
  }

  /** True when no part of a frame waits: a stream that ends here ends cleanly. */
  get isBetweenFrames(): boolean {
    return this.pendingBytes === 0;
  }

  /** Takes a chunk. Chunks that follow a frame above the limit are dropped. */
  push(chunk: Uint8Array): void {
    if (this.#refused !== undefined || chunk.length === 0) return;
    this.#reserve(chunk.length);
    this.#buffer.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /**
   * The next frame, without its length. After `too-large` the stream can't be split any more: the result repeats,
   * and the bytes are released.
   */
  next(): AssembledFrame {
    if (this.#refused !== undefined) return this.#refused;
    const step = this.#cursor.next(this.#buffer, this.#end, this.#maxFrameBytes);
    switch (step) {
      case FRAME_STEP.incomplete:
        return INCOMPLETE;
      case FRAME_STEP.tooLarge:
        this.#refused = {
          kind: 'too-large',
          bytes: this.#cursor.announcedBytes,
          maxBytes: this.#maxFrameBytes,
        };
        this.#release();
        return this.#refused;
      case FRAME_STEP.frame:
        return { kind: 'frame', body: this.#takeBody() };
    }
  }

  /** The last waiting frame takes the buffer along; one with bytes behind it is copied out. */
  #takeBody(): Buffer {
    const body = this.#buffer.subarray(this.#cursor.bodyStart, this.#cursor.bodyEnd);
    if (this.#cursor.offset < this.#end) return Buffer.from(body);
    this.#release();
    return body;
  }

  #release(): void {
    this.#buffer = NO_BYTES;
    this.#end = 0;
    this.#cursor.offset = 0;
  }

  /** Makes room for a chunk: moves the waiting bytes to the front, and doubles the buffer when that is not enough. */
  #reserve(bytes: number): void {
    if (this.#end + bytes <= this.#buffer.length) return;
    const pending = this.#buffer.subarray(this.#cursor.offset, this.#end);
    const needed = pending.length + bytes;
    // Moving in place pays only when it frees at least half; otherwise many small chunks would move the same bytes.
    const target =
      needed * 2 <= this.#buffer.length
        ? this.#buffer
        : Buffer.allocUnsafeSlow(Math.max(needed, pending.length * 2, SMALLEST_BUFFER_BYTES));
    target.set(pending, 0);
    this.#buffer = target;
    this.#end = pending.length;
    this.#cursor.offset = 0;
  }
}
