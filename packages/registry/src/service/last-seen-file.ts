import type { Storage } from '@muster/core';
import { readSideFile, writeSideFile } from '../log/index.ts';
import { NodeFlag, type NodeTable } from '../model/node-table.ts';

const FILE = { kind: 'LASTSEEN', version: 1 } as const;
const NODES_PER_STEP = 10_000;
const MAX_VARINT_BYTES = 5;

/**
 * The times of the last signs of life, in a side file of two to three bytes a node (B-33): the newest time, then for
 * each live node the difference of its id to the one before and its age against the newest, as variable-length
 * numbers.
 *
 * Fault model: the file may be missing, old or damaged; nodes then count as seen when they were registered or when the
 * last snapshot was written. It never decides whether a node exists, and the reaper gives everyone a full threshold
 * after a start.
 */
export function* encodeLastSeen(nodes: NodeTable): Generator<void, Uint8Array> {
  let newest = 0;
  for (let slot = 0; slot < nodes.usedSlots; slot++) {
    newest = Math.max(newest, nodes.lastSeen[slot] as number);
    if (slot % NODES_PER_STEP === 0) yield;
  }
  let out = Buffer.allocUnsafe(8 + nodes.liveCount * 4);
  out.writeUInt32LE(newest, 0);
  let at = 8;
  let count = 0;
  let before = 0;
  for (let slot = 0; slot < nodes.usedSlots; slot++) {
    if (slot % NODES_PER_STEP === 0) yield;
    if (!nodes.has(slot, NodeFlag.live)) continue;
    if (at + 2 * MAX_VARINT_BYTES > out.length) out = Buffer.concat([out, Buffer.allocUnsafe(out.length)]);
    const id = nodes.idOf(slot);
    at = writeVarint(out, at, zigzag(id - before));
    at = writeVarint(out, at, Math.max(0, newest - (nodes.lastSeen[slot] as number)));
    before = id;
    count++;
  }
  out.writeUInt32LE(count, 4);
  return out.subarray(0, at);
}

/** Puts the times back; answers how many nodes were found. Times that are newer in memory stay. */
export function restoreLastSeen(nodes: NodeTable, bytes: Buffer): number {
  const newest = bytes.readUInt32LE(0);
  let remaining = bytes.readUInt32LE(4);
  let found = 0;
  let id = 0;
  const reader = { at: 8 };
  while (remaining-- > 0) {
    id += unzigzag(readVarint(bytes, reader));
    const seen = newest - readVarint(bytes, reader);
    const slot = nodes.slotOf(id);
    if (slot < 0) continue;
    found++;
    if (seen > (nodes.lastSeen[slot] as number)) nodes.lastSeen[slot] = seen;
  }
  return found;
}

/** Writes the encoded times. */
export async function saveLastSeen(storage: Storage, path: string, bytes: Uint8Array): Promise<void> {
  await writeSideFile(storage, path, FILE, bytes);
}

/** Reads them; undefined when there is no file. Rejects with a coded error when it is damaged. */
export async function loadLastSeen(storage: Storage, path: string): Promise<Buffer | undefined> {
  const file = await readSideFile(storage, path, FILE.kind);
  if (file === undefined || file.version !== FILE.version) return undefined;
  return Buffer.from(file.content.buffer, file.content.byteOffset, file.content.byteLength);
}

function zigzag(value: number): number {
  return value < 0 ? -value * 2 - 1 : value * 2;
}

function unzigzag(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}

function writeVarint(target: Buffer, start: number, value: number): number {
  let at = start;
  let rest = value;
  while (rest >= 0x80) {
    target[at++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  target[at++] = rest;
  return at;
}

function readVarint(bytes: Buffer, reader: { at: number }): number {
  let value = 0;
  let factor = 1;
  for (;;) {
    const byte = bytes.readUInt8(reader.at++);
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return value;
    factor *= 0x80;
  }
}
