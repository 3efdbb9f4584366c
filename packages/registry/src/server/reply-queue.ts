/** Answers that wait for the disk, in order. What one waits for, the later ones wait for too. */
export class ReplyQueue {
  #items: { readonly bytes: Buffer; readonly seq: number }[] = [];
  #bytes = 0;
  #highest = 0;

  get length(): number {
    return this.#items.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Adds an answer that may go out once event `seq`, and everything before it in the queue, is durable. */
  add(bytes: Buffer, seq: number): void {
    this.#highest = this.#items.length === 0 ? seq : Math.max(this.#highest, seq);
    this.#items.push({ bytes, seq: this.#highest });
    this.#bytes += bytes.length;
  }

  /** Takes the answers that may go out. */
  take(durableSeq: number): Buffer[] {
    let count = 0;
    while (count < this.#items.length && (this.#items[count] as { seq: number }).seq <= durableSeq) count++;
    if (count === 0) return [];
    const taken = count === this.#items.length ? this.#items : this.#items.slice(0, count);
    this.#items = count === this.#items.length ? [] : this.#items.slice(count);
    for (const { bytes } of taken) this.#bytes -= bytes.length;
    const pieces = taken.map((item) => item.bytes).filter((piece) => piece.length > 0);
    return pieces.length > 1 && pieces.every((piece) => piece.length < 4096)
      ? [Buffer.concat(pieces)]
      : pieces;
  }

  clear(): void {
    this.#items = [];
    this.#bytes = 0;
  }
}
