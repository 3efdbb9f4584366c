/** A fast 64-bit hash for traces, seeds and stand-in signatures. Not cryptographic: whoever sees much of it can forge. */
export class Hash64 {
  #a: number;
  #b: number;

  constructor(seed = 0) {
    this.#a = 0x9e3779b9 ^ seed;
    this.#b = 0x85ebca6b ^ Math.imul(seed, 0x27d4eb2f);
  }

  /** Takes in the low 32 bits of an integer. */
  word(value: number): void {
    this.#a = Math.imul(this.#a ^ value, 0x9e3779b1);
    this.#a = (this.#a << 13) | (this.#a >>> 19);
    this.#b = Math.imul(this.#b + value, 0x85ebca77) ^ this.#a;
    this.#b = (this.#b << 17) | (this.#b >>> 15);
  }

  /** Takes in any number, fractions included. */
  number(value: number): void {
    this.word(value | 0);
    this.word(Math.floor(value / 4294967296) ^ Math.floor((value % 1) * 4294967296));
  }

  /** Takes in a text with its length. */
  text(value: string): void {
    this.word(value.length);
    let { length } = value;
    for (let i = 0; length >= 2; i += 2, length -= 2)
      this.word(value.charCodeAt(i) | (value.charCodeAt(i + 1) << 16));
    if (length === 1) this.word(value.charCodeAt(value.length - 1));
  }

  /** The low half of the state, well mixed. */
  get low(): number {
    return mixed(this.#a ^ mixed(this.#b));
  }

  get high(): number {
    return mixed(this.#b ^ mixed(this.#a + 0x165667b1));
  }

  /** 16 hex digits. */
  toString(): string {
    return this.high.toString(16).padStart(8, '0') + this.low.toString(16).padStart(8, '0');
  }
}

function mixed(value: number): number {
  let x = value;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

/** 32 bits of a text. */
export function hash32(text: string, seed = 0): number {
  const hash = new Hash64(seed);
  hash.text(text);
  return hash.low;
}
