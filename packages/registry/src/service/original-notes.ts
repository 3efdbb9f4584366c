/** What did not pass between the original's store and ours as it was. */
export type TransferNoteCode =
  /** The hostname belongs to another node; this one keeps it as a wish, without being found by it. */
  | 'HOSTNAME_TAKEN'
  /** The owner label leads to another node. */
  | 'OWNER_TAKEN'
  /** The public key leads to another node. */
  | 'KEY_SHARED'
  /** An entry of the key index is not kept: it names no identity, or one that has another key. */
  | 'KEY_ENTRY_DROPPED'
  /** An id that memberships or trust name, and of which no key is known: kept, so that nobody else gets the id. */
  | 'IDENTITY_WITHOUT_KEY'
  /** A text or list is longer than what a node can have; its beginning is kept. */
  | 'CUT'
  /** A number or time is outside of what can be stored; the nearest that can be is kept. */
  | 'OUT_OF_RANGE'
  /** A node lists a network that does not list the node: the network's list counts. */
  | 'MEMBERSHIP_DROPPED'
  /** A network lists a node that does not list the network: the network's list counts. */
  | 'MEMBERSHIP_ADDED'
  /** A role that does not exist, or of a node that is no member. */
  | 'ROLE_DROPPED'
  /** Tags of a node that is no member. */
  | 'TAGS_DROPPED'
  /** A pair of a node with itself, or with id 0. */
  | 'TRUST_DROPPED'
  /** A token longer than what a request may carry: nobody can present it. */
  | 'TOKEN_TOO_LONG'
  /** A member that the format does not know and that there is no place for. */
  | 'UNKNOWN_MEMBER_DROPPED'
  /** A one-sided report of trust: the original knows only pairs. */
  | 'PENDING_TRUST_LEFT_OUT'
  /** Of an identity that is gone, the original keeps the id and the key only. */
  | 'TOMBSTONE_REDUCED'
  /** The marks "registered with a signature" and "signs requests": the original does not store them. */
  | 'SIGNATURE_MARK_LEFT_OUT'
  /** The address of the identity webhook: the original does not store it. */
  | 'WEBHOOK_LEFT_OUT';

/** Notes of one kind. */
export interface TransferNote {
  readonly code: TransferNoteCode;
  readonly count: number;
  /** The first of them, in words; never a secret. */
  readonly examples: readonly string[];
}

const EXAMPLES_PER_CODE = 20;

/** Collects notes: all are counted, the first of each kind are listed. */
export class TransferNotes {
  readonly #notes = new Map<TransferNoteCode, { count: number; readonly examples: string[] }>();

  add(code: TransferNoteCode, example: string): void {
    let note = this.#notes.get(code);
    if (note === undefined) this.#notes.set(code, (note = { count: 0, examples: [] }));
    note.count += 1;
    if (note.examples.length < EXAMPLES_PER_CODE) note.examples.push(example);
  }

  list(): readonly TransferNote[] {
    return [...this.#notes].map(([code, { count, examples }]) => ({ code, count, examples }));
  }
}
