/*
 * Reads the snapshot of the original server (spec §10.1, §18).
 *
 * Fault model: the file may be cut short, altered, from another version, or not a snapshot at all. Each of these is
 * refused with a coded error, and nothing is ever written (B-29). What is merely odd (a member of a network that
 * doesn't exist, an unreadable time) is loaded as far as it can be and reported as a warning.
 */
import { MusterError } from '@muster/core';
import { checkOriginalStore } from './check.ts';
import { emptyOriginalStore } from './empty.ts';
import { originalErrors } from './errors.ts';
import { idOfKey, listItem, objectItem } from './field-lists.ts';
import type { Item } from './field-lists.ts';
import { integerOf, readMember, readObject, shapeError, textOf } from './fields.ts';
import type { ReadContext } from './fields.ts';
import { compactJson, htmlStyle, snapshotStyle } from './json-text.ts';
import { JsonSplitter, parseJson } from './json-splitter.ts';
import type { JsonPieces, JsonSplitterLimits } from './json-splitter.ts';
import { applyLoadRules } from './load-rules.ts';
import { RawChecksum } from './raw-checksum.ts';
import {
  handshakeRequestCodec,
  handshakeResponseCodec,
  inviteCodec,
  networkCodec,
  nodeCodec,
  storeCodec,
} from './schema.ts';
import { checksumOf, newestSnapshotVersion } from './snapshot-writer.ts';
import { maxNodeId } from './types.ts';
import type { JsonValue, OriginalNetwork, OriginalNode, OriginalStore } from './types.ts';
import { OriginalWarnings } from './warnings.ts';
import type { OriginalWarningCode, OriginalWarningReport } from './warnings.ts';

/** Options of reading a snapshot. */
export interface ReadOriginalSnapshotOptions {
  /**
   * Whether cross-references are checked (one pass over the store); their problems become warnings.
   * @default true
   */
  readonly check?: boolean;
  /**
   * The largest single element (a node, a network, a list) in bytes. The size of the file is not limited.
   * @default 268435456
   */
  readonly maxElementBytes?: number;
  /** Where warnings go. @default a new collection with the default bound */
  readonly warnings?: OriginalWarnings;
}

/**
 * How the checksum came out: `verified` on the raw bytes; `verified-by-reencoding` after writing the content in the
 * original's order and encoding (a file that was reformatted, or came from an older writer); `absent` in legacy files.
 */
export type OriginalChecksumResult = 'verified' | 'verified-by-reencoding' | 'absent';

/** A snapshot that was read. */
export interface OriginalSnapshot {
  readonly store: OriginalStore;
  readonly checksum: OriginalChecksumResult;
  readonly warnings: OriginalWarningReport;
  /** Size of the file. */
  readonly bytes: number;
}

/** The largest element when no other bound is given. */
export const defaultMaxElementBytes = 268_435_456;
/** How deep a value may nest; files of the original need less than ten levels outside of expression policies. */
export const maxSnapshotDepth = 1_000;

/**
 * Reads a snapshot that is in memory. Takes a few seconds for 100 MB; use {@link readOriginalSnapshot} with a stream to
 * let other work in between.
 *
 * Errors: ORIGINAL_SNAPSHOT_SYNTAX, _SHAPE, _VERSION, _CHECKSUM, _TOO_LARGE; `details` hold `position` (byte offset)
 * and, where it applies, `path`.
 */
export function parseOriginalSnapshot(
  bytes: Uint8Array,
  options: ReadOriginalSnapshotOptions = {},
): OriginalSnapshot {
  const reader = new SnapshotReader(options);
  reader.push(bytes);
  return reader.end();
}

/** Reads a snapshot from memory or from chunks of any size; errors as for {@link parseOriginalSnapshot}. */
export async function readOriginalSnapshot(
  source: Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  options: ReadOriginalSnapshotOptions = {},
): Promise<OriginalSnapshot> {
  if (source instanceof Uint8Array) return parseOriginalSnapshot(source, options);
  const reader = new SnapshotReader(options);
  for await (const chunk of source) reader.push(chunk);
  return reader.end();
}

/** The members that are read piece by piece, because they grow with the fleet. */
const splitMembers = new Set([
  'nodes',
  'networks',
  'trust_pairs',
  'pub_key_idx',
  'handshake_inbox',
  'handshake_responses',
  'invite_inbox',
]);

/** The members without which a file is no snapshot. */
const requiredMembers = ['next_node', 'next_net', 'nodes', 'networks'];

class SnapshotReader {
  readonly #warnings: OriginalWarnings;
  readonly #check: boolean;
  readonly #raw = new RawChecksum();
  readonly #content: SnapshotContent;
  readonly #splitter: JsonSplitter;
  #bytes = 0;

  constructor(options: ReadOriginalSnapshotOptions) {
    this.#warnings = options.warnings ?? new OriginalWarnings();
    this.#check = options.check ?? true;
    const limits = {
      maxElementBytes: options.maxElementBytes ?? defaultMaxElementBytes,
      maxDepth: maxSnapshotDepth,
    };
    this.#content = new SnapshotContent(this.#warnings, limits);
    this.#splitter = new JsonSplitter(this.#content, limits);
  }

  push(chunk: Uint8Array): void {
    this.#bytes += chunk.length;
    this.#raw.push(chunk);
    this.#splitter.push(chunk);
  }

  end(): OriginalSnapshot {
    this.#splitter.end();
    const content = this.#content;
    const missing = requiredMembers.find((name) => !content.seen.has(name));
    if (missing !== undefined) shapeError(missing, 'present');
    const { store } = content;
    const checksum = this.#verify(store, content.checksum);
    applyLoadRules(store, this.#warnings);
    if (this.#check) checkOriginalStore(store, this.#warnings);
    return { store, checksum, warnings: this.#warnings, bytes: this.#bytes };
  }

  /** Must run on the store as it was read, before the load rules repair it. */
  #verify(store: OriginalStore, checksum: string): OriginalChecksumResult {
    if (checksum === '') return 'absent';
    if (this.#raw.matches()) return 'verified';
    const isReencoded =
      !this.#content.settled &&
      (checksumOf(store, snapshotStyle) === checksum || checksumOf(store, htmlStyle) === checksum);
    if (isReencoded) return 'verified-by-reencoding';
    throw originalErrors.create(
      'ORIGINAL_SNAPSHOT_CHECKSUM',
      'snapshot checksum mismatch — refusing to load corrupt data',
      { details: { position: this.#content.checksumPosition, checksum, bytes: this.#bytes } },
    );
  }
}

/** Builds the store from the pieces of the file. */
class SnapshotContent implements JsonPieces {
  readonly store = emptyOriginalStore();
  readonly seen = new Set<string>();
  checksum = '';
  checksumPosition = 0;
  /** Whether the store differs from what the file says (an id, a pair), so that encoding it anew proves nothing. */
  settled = false;
  readonly #context: ReadContext;
  readonly #limits: JsonSplitterLimits;
  readonly #requests = listItem(objectItem(handshakeRequestCodec));
  readonly #responses = listItem(objectItem(handshakeResponseCodec));
  readonly #invites = listItem(objectItem(inviteCodec));

  constructor(warnings: OriginalWarnings, limits: JsonSplitterLimits) {
    this.#context = { warnings, reportedUnknown: new Set() };
    this.#limits = limits;
    // A file without the member is of version 0.
    this.store.version = 0;
  }

  splits(key: string): boolean {
    if (!splitMembers.has(key)) return false;
    this.seen.add(key);
    return true;
  }

  value(key: string, bytes: Uint8Array, position: number): void {
    this.#place(position, () => {
      const value = parseJson(bytes, position) as JsonValue;
      this.seen.add(key);
      if (key === 'checksum') {
        this.checksum = textOf(value, key);
        this.checksumPosition = position;
      } else if (splitMembers.has(key)) {
        if (value !== null) shapeError(key, key === 'trust_pairs' ? 'an array' : 'an object');
      } else readMember(storeCodec, this.store, key, value, '', this.#context);
      if (key === 'version') this.#checkVersion(position);
    });
  }

  member(key: string, name: string, bytes: Uint8Array, position: number): void {
    this.#place(position, () => this.#readEntry(key, name, bytes, position));
  }

  item(key: string, index: number, bytes: Uint8Array, position: number): void {
    this.#place(position, () => {
      const path = `${key}.${index}`;
      if (key !== 'trust_pairs') shapeError(key, 'an object');
      const text = textOf(parseJson(bytes, position) as JsonValue, path);
      const pair = /^(\d{1,10}):(\d{1,10})$/.exec(text);
      const [left, right] = [Number(pair?.[1]), Number(pair?.[2])];
      if (pair === null || left > maxNodeId || right > maxNodeId) {
        this.#settle('TRUST_PAIR_INVALID', path, `${path} is not a pair of node ids; it is not loaded`);
        return;
      }
      const ordered = left <= right ? ([left, right] as const) : ([right, left] as const);
      if (text !== `${ordered[0]}:${ordered[1]}`) {
        this.#settle('TRUST_PAIR_INVALID', path, `${path} is not in the usual form; it is loaded in it`);
      }
      this.store.trustPairs.push(ordered);
    });
  }

  #readEntry(key: string, name: string, bytes: Uint8Array, position: number): void {
    const { store } = this;
    const path = `${key}.${name}`;
    if (key === 'networks') return this.#addNetwork(name, this.#readNetwork(path, bytes, position));
    const value = parseJson(bytes, position) as JsonValue;
    switch (key) {
      case 'nodes':
        return this.#addNode(name, readObject(nodeCodec, value, path, this.#context));
      case 'pub_key_idx':
        store.pubKeyIdx.set(name, integerOf(value, path, maxNodeId));
        return undefined;
      case 'handshake_inbox':
        return this.#readInbox(store.handshakeInbox, this.#requests, name, value, path);
      case 'handshake_responses':
        return this.#readInbox(store.handshakeResponses, this.#responses, name, value, path);
      case 'invite_inbox':
        return this.#readInbox(store.inviteInbox, this.#invites, name, value, path);
      default:
        return shapeError(key, 'an array');
    }
  }

  #readInbox<V>(
    inbox: Map<number, V[]>,
    item: Item<V[]>,
    name: string,
    value: JsonValue,
    path: string,
  ): void {
    inbox.set(idOfKey(name, path, maxNodeId), item.read(value, path, this.#context));
  }

  #addNode(name: string, node: OriginalNode): void {
    const { nodes } = this.store;
    const id = this.#entryId('nodes', name, node.id);
    if (id === undefined) return;
    if (nodes.has(id)) {
      this.#context.warnings.add(
        'NODE_DUPLICATE',
        `nodes.${name}`,
        `node ${id} is listed twice; one is kept`,
      );
      if (name !== String(id)) return;
    }
    node.id = id;
    nodes.set(id, node);
  }

  #addNetwork(name: string, network: OriginalNetwork): void {
    const { networks } = this.store;
    const id = this.#entryId('networks', name, network.id);
    if (id === undefined) return;
    if (networks.has(id)) {
      this.#settle('NETWORK_DUPLICATE', `networks.${name}`, `network ${id} is listed twice; one is kept`);
      if (name !== String(id)) return;
    }
    network.id = id;
    networks.set(id, network);
  }

  /** Reports that something was loaded otherwise than the file says. */
  #settle(code: OriginalWarningCode, path: string, message: string): void {
    this.settled = true;
    this.#context.warnings.add(code, path, message);
  }

  /** The id of an entry: the one it carries; a node that carries none has the one it is listed under. */
  #entryId(key: 'nodes' | 'networks', name: string, carried: number): number | undefined {
    const path = `${key}.${name}`;
    if (name === String(carried) && (key === 'networks' || carried !== 0)) return carried;
    if (carried !== 0) {
      this.#settle('ID_MISMATCH', path, `${path} carries the id ${carried}; it is loaded under that id`);
      return carried;
    }
    const max = key === 'nodes' ? maxNodeId : 0xffff;
    const listed = /^[1-9]\d{0,9}$/.test(name) ? Number(name) : 0;
    if (listed === 0 || listed > max) {
      this.#settle('ID_INVALID', path, `${path} has no usable id; it is not loaded`);
      return undefined;
    }
    this.#settle(
      'ID_MISMATCH',
      path,
      `${path} carries no id; it is loaded under the id that it is listed as`,
    );
    return listed;
  }

  /** Reads a network member by member, because its expression policy is kept verbatim. */
  #readNetwork(path: string, bytes: Uint8Array, position: number): OriginalNetwork {
    const network = networkCodec.create();
    if (bytes[0] !== 0x7b)
      return readObject(networkCodec, parseJson(bytes, position) as JsonValue, path, this.#context);
    const noPiece = (): void => undefined;
    const splitter = new JsonSplitter(
      {
        splits: () => false,
        member: noPiece,
        item: noPiece,
        value: (name, memberBytes, memberPosition) => {
          const value = parseJson(memberBytes, memberPosition) as JsonValue;
          readMember(networkCodec, network, name, value, path, this.#context);
          if (name !== 'expr_policy' || value === null) return;
          network.exprPolicy = compactJson(Buffer.from(memberBytes).toString('utf8'));
        },
      },
      this.#limits,
      position,
    );
    splitter.push(bytes);
    splitter.end();
    return network;
  }

  #checkVersion(position: number): void {
    const { version } = this.store;
    if (version <= newestSnapshotVersion) return;
    throw originalErrors.create(
      'ORIGINAL_SNAPSHOT_VERSION',
      `snapshot: version ${version} is not known here`,
      {
        details: { position, version, newest: newestSnapshotVersion },
      },
    );
  }

  /** Adds the position of the element to an error about its shape. */
  #place(position: number, read: () => void): void {
    try {
      read();
    } catch (error) {
      if (!(error instanceof MusterError) || error.code !== 'ORIGINAL_SNAPSHOT_SHAPE') throw error;
      throw originalErrors.create('ORIGINAL_SNAPSHOT_SHAPE', `${error.message} (at byte ${position})`, {
        details: { ...error.details, position },
        cause: error,
      });
    }
  }
}
