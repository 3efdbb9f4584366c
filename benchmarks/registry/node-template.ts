import { Registry } from '@muster/registry';
import { isPublicNode } from './population.ts';

export const PUBLIC_KEY_BYTES = 32;
const TAGS = ['edge', 'gpu', 'arm64', 'eu-west', 'us-east', 'storage', 'relay', 'canary'];
const TEMPLATE_KEY = Buffer.from(Array.from({ length: PUBLIC_KEY_BYTES }, (_, i) => 0xa0 + i));
const TEMPLATE_ID = 87_654_321;
const TEMPLATES = 8;

/** Where texts of a node lie in the bytes of its record: of equal length in every node. */
interface Place {
  readonly at: number;
  readonly textOf: (id: number) => string;
}

/**
 * A record that a registry has made of an ordinary registration, from which the records of other nodes are made by
 * overwriting what differs. Encoding a million records one by one would take longer than measuring with them.
 */
export class NodeTemplate {
  readonly flags: number;
  readonly #bytes: Buffer;
  readonly #keyAt: number;
  readonly #places: readonly Place[];

  constructor(flags: number, bytes: Buffer) {
    this.flags = flags;
    this.#bytes = bytes;
    this.#keyAt = positionOf(bytes, TEMPLATE_KEY);
    this.#places = [
      hostnameOf,
      addressOf,
      lanAddressOf,
      ...(hasOwner(TEMPLATE_ID, bytes) ? [ownerOf] : []),
    ].map((textOf) => ({ at: positionOf(bytes, Buffer.from(textOf(TEMPLATE_ID))), textOf }));
  }

  /** The record of a node. Valid until the next call. */
  profileOf(id: number, key: Uint8Array): Buffer {
    this.#bytes.set(key, this.#keyAt);
    for (const { at, textOf } of this.#places) this.#bytes.write(textOf(id), at, 'latin1');
    return this.#bytes;
  }
}

/** Templates for nodes that are public or not, have tags or not, an owner or not; see {@link templateIndex}. */
export async function makeTemplates(): Promise<readonly NodeTemplate[]> {
  const templates: NodeTemplate[] = [];
  for (let index = 0; index < TEMPLATES; index++) templates.push(await makeTemplate(index));
  return templates;
}

/** Half of the nodes are public, a fifth have tags, a tenth have an owner. */
export function templateIndex(id: number): number {
  return (isPublicNode(id) ? 1 : 0) + (id % 5 === 0 ? 2 : 0) + (id % 10 === 3 ? 4 : 0);
}

async function makeTemplate(index: number): Promise<NodeTemplate> {
  const registry = await Registry.start({ listen: { host: '127.0.0.1', port: 0 } });
  try {
    const id = TEMPLATE_ID;
    const { engine, directory } = registry;
    if (engine === undefined || directory === undefined) throw new Error('the registry has no state');
    engine.commit([
      {
        type: 'node.registered',
        id,
        key: TEMPLATE_KEY.toString('base64'),
        at: 0,
        signed: true,
        hostname: hostnameOf(id),
        realAddr: addressOf(id),
        version: '1.4.2',
        lanAddrs: [lanAddressOf(id)],
        ...((index & 4) === 0 ? {} : { owner: ownerOf(id) }),
      },
      { type: 'node.visibility', id, public: (index & 1) !== 0 },
      { type: 'node.tags', id, tags: (index & 2) === 0 ? [] : tagsOf(index) },
    ]);
    const { nodes } = directory;
    const slot = nodes.liveSlotOf(id);
    nodes.locateProfile(slot);
    const { buffer, offset } = nodes.arena;
    const bytes = Buffer.from(buffer.subarray(offset, offset + nodes.profileBytes(slot)));
    return new NodeTemplate(nodes.flags[slot] as number, bytes);
  } finally {
    await registry.stop();
  }
}

/** `host:port`, always of the same length. */
export function addressOf(id: number): string {
  return `198.18.${threeDigits(id)}.${threeDigits(id / 100)}:${4000 + (id % 1000)}`;
}

export function tagsOf(id: number): readonly string[] {
  return [TAGS[id % 8] as string, TAGS[(id + 3) % 8] as string];
}

function hostnameOf(id: number): string {
  return `node-${id.toString().padStart(8, '0')}-rack${10 + (id % 90)}`;
}

function lanAddressOf(id: number): string {
  return `10.${threeDigits(id / 10_000)}.${threeDigits(id / 100)}.${threeDigits(id)}:4000`;
}

function ownerOf(id: number): string {
  return `team-${id.toString().padStart(8, '0')}@fleet.example`;
}

function hasOwner(id: number, bytes: Buffer): boolean {
  return bytes.includes(ownerOf(id));
}

/** 100 to 199. */
function threeDigits(number: number): number {
  return 100 + (Math.floor(number) % 100);
}

function positionOf(bytes: Buffer, part: Buffer): number {
  const at = bytes.indexOf(part);
  if (at < 0) throw new Error(`a record does not show ${part.toString('latin1')} as it is`);
  return at;
}
