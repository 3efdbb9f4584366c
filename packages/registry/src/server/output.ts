const OUTPUT_BYTES = 64 * 1024;

/**
 * Where the answers of one turn gather before they go out in one write. One per server: a session uses it from the
 * first frame of a chunk to its last, and leaves it empty.
 */
export class Output {
  readonly buffer: Buffer = Buffer.allocUnsafeSlow(OUTPUT_BYTES);
  length = 0;

  /** Whether `bytes` more fit. */
  fits(bytes: number): boolean {
    return this.length + bytes <= OUTPUT_BYTES;
  }

  /** Takes what has gathered, as bytes of its own. */
  take(): Buffer {
    const bytes = Buffer.allocUnsafe(this.length);
    this.buffer.copy(bytes, 0, 0, this.length);
    this.length = 0;
    return bytes;
  }
}
