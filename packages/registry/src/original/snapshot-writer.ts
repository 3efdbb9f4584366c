import { createHash } from 'node:crypto';
import { originalErrors } from './errors.ts';
import { reportUnknown, writeObject } from './fields.ts';
import type { Codec, Field, WriteContext } from './fields.ts';
import { idsInTextOrder, inByteOrder, quoteText, snapshotStyle } from './json-text.ts';
import type { JsonStyle } from './json-text.ts';
import {
  handshakeRequestCodec,
  handshakeResponseCodec,
  headFields,
  inviteCodec,
  networkCodec,
  nodeCodec,
  tailFields,
} from './schema.ts';
import type { Kept, OriginalNetwork, OriginalNode, OriginalStore } from './types.ts';

/** A table by id that can make its entries when they are asked for; a `Map` is one. */
export interface OriginalTable<V> {
  readonly size: number;
  keys(): Iterable<number>;
  /** An entry; `undefined` when it is gone by now (it is then skipped). */
  get(id: number): V | undefined;
}

/** What a snapshot is written from: an {@link OriginalStore}, or one whose large tables are made on the fly. */
export interface OriginalSnapshotSource extends Omit<OriginalStore, 'nodes' | 'networks' | 'ownerIdx'> {
  readonly nodes: OriginalTable<OriginalNode>;
  readonly networks: OriginalTable<OriginalNetwork>;
}

/** Something that the written snapshot doesn't hold. */
export interface OriginalLeftOut {
  /** For example `nodes.*.polo_score`. */
  readonly pattern: string;
  /** `unknown-member`: would break the original's checksum. `unrepresentable`: the format has no form for the value. */
  readonly reason: 'unknown-member' | 'unrepresentable';
  readonly count: number;
  /** The first of them. */
  readonly example: string;
}

/** What is known when a snapshot has been written. */
export interface OriginalExportSummary {
  readonly bytes: number;
  /** Lower-case hex SHA-256 of the body, as it stands in the file. */
  readonly checksum: string;
  readonly leftOut: readonly OriginalLeftOut[];
}

/** A snapshot on its way out; take all chunks (once), then ask for the summary. */
export interface OriginalExport extends Iterable<Uint8Array> {
  /** Errors: ORIGINAL_EXPORT_INCOMPLETE before the last chunk was taken. */
  summary(): OriginalExportSummary;
}

/** The version of the snapshots that are written, and the newest that is read. */
export const newestSnapshotVersion = 1;

/** The characters that are collected before a chunk is handed out. */
const chunkCharacters = 65_536;

/**
 * Writes a snapshot (version 1) that the original accepts: exact member order, omissions and encoding, checksum at the
 * end (spec §10.1). Lazy: each step of the iteration makes about 64 KiB, so a writer can wait for its disk and give
 * way to other work in between; only sorting the ids and the key index happens in one go (about a second for a million
 * keys). The store must not change meanwhile, except that entries may disappear.
 *
 * Unknown members are left out (the original drops them before it checks the checksum) and listed in the summary.
 */
export function writeOriginalSnapshot(source: OriginalSnapshotSource): OriginalExport {
  const leftOut = new Map<string, OriginalLeftOut>();
  let summary: OriginalExportSummary | undefined;
  const context: WriteContext = {
    style: snapshotStyle,
    leftOut(pattern, example, reason) {
      const known = leftOut.get(`${reason} ${pattern}`);
      leftOut.set(`${reason} ${pattern}`, {
        pattern,
        reason,
        count: (known?.count ?? 0) + 1,
        example: known?.example ?? example,
      });
    },
  };
  function* chunks(): Generator<Uint8Array> {
    const hash = createHash('sha256');
    let bytes = 0;
    for (const chunk of bodyChunks(source, newestSnapshotVersion, context)) {
      hash.update(chunk);
      bytes += chunk.length;
      yield chunk;
    }
    const checksum = hash.update('}').digest('hex');
    const end = Buffer.from(`,"checksum":"${checksum}"}`);
    yield end;
    summary = { bytes: bytes + end.length, checksum, leftOut: [...leftOut.values()] };
  }
  return {
    [Symbol.iterator]: chunks,
    summary() {
      if (summary !== undefined) return summary;
      throw originalErrors.create('ORIGINAL_EXPORT_INCOMPLETE', 'export: not all chunks have been taken yet');
    },
  };
}

/** The checksum that a server with this JSON style writes for a store of the store's version. */
export function checksumOf(source: OriginalSnapshotSource, style: JsonStyle): string {
  const hash = createHash('sha256');
  const context = { style, leftOut: () => undefined };
  for (const chunk of bodyChunks(source, source.version, context)) hash.update(chunk);
  return hash.update('}').digest('hex');
}

/** The body of a snapshot without its closing brace. */
function* bodyChunks(
  source: OriginalSnapshotSource,
  version: number,
  context: WriteContext,
): Generator<Uint8Array> {
  let text = `{"version":${version},`;
  for (const piece of bodyPieces(source, context)) {
    text += piece;
    if (text.length < chunkCharacters) continue;
    yield Buffer.from(text);
    text = '';
  }
  if (text !== '') yield Buffer.from(text);
}

function* bodyPieces(source: OriginalSnapshotSource, context: WriteContext): Generator<string> {
  // The small members read nothing from the tables, so a source serves them as a store does.
  const store = source as OriginalStore;
  const head = [...fieldTexts(headFields, store, context)];
  yield `${head.join(',')},"nodes":{`;
  yield* table(source.nodes, (node, id) => writeObject(nodeCodec, node, `nodes.${id}`, context));
  yield '},"networks":{';
  yield* table(source.networks, (network, id) =>
    writeObject(networkCodec, network, `networks.${id}`, context),
  );
  yield '}';
  yield* trustPairs(source);
  yield* keyIndex(source, context);
  yield* inbox('handshake_inbox', source.handshakeInbox, handshakeRequestCodec, context);
  yield* inbox('handshake_responses', source.handshakeResponses, handshakeResponseCodec, context);
  yield* inbox('invite_inbox', source.inviteInbox, inviteCodec, context);
  for (const text of fieldTexts(tailFields, store, context)) yield `,${text}`;
  reportUnknown(source, '', context);
  reportUnknown(source.statistics, '', context);
}

function* fieldTexts(
  fields: readonly Field<OriginalStore>[],
  store: OriginalStore,
  context: WriteContext,
): Generator<string> {
  for (const field of fields) {
    const value = field.write(store, '', context);
    if (value !== undefined) yield `"${field.json}":${value}`;
  }
}

function* table<V>(entries: OriginalTable<V>, write: (entry: V, id: number) => string): Generator<string> {
  let separator = '';
  for (const id of idsInTextOrder(entries.keys(), entries.size)) {
    const entry = entries.get(id);
    if (entry === undefined) continue;
    yield `${separator}"${id}":${write(entry, id)}`;
    separator = ',';
  }
}

function* trustPairs({ trustPairs: pairs }: OriginalSnapshotSource): Generator<string> {
  if (pairs.length === 0) return;
  yield ',"trust_pairs":[';
  let separator = '';
  for (const [low, high] of pairs) {
    yield `${separator}"${low}:${high}"`;
    separator = ',';
  }
  yield ']';
}

function* keyIndex({ pubKeyIdx }: OriginalSnapshotSource, { style }: WriteContext): Generator<string> {
  if (pubKeyIdx.size === 0) return;
  yield ',"pub_key_idx":{';
  let separator = '';
  for (const key of inByteOrder(pubKeyIdx.keys())) {
    yield `${separator}${quoteText(key, style)}:${pubKeyIdx.get(key) ?? 0}`;
    separator = ',';
  }
  yield '}';
}

function* inbox<V extends Kept>(
  json: string,
  entries: OriginalTable<V[]>,
  codec: Codec<V>,
  context: WriteContext,
): Generator<string> {
  if (entries.size === 0) return;
  yield `,"${json}":{`;
  yield* table(entries, (messages, id) => {
    const path = `${json}.${id}`;
    return `[${messages.map((each, index) => writeObject(codec, each, `${path}.${index}`, context)).join(',')}]`;
  });
  yield '}';
}
