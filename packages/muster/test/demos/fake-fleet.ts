/** A fleet that does as it is told, and can be made to fail in one way or another. */
import type { Located } from '@muster/core';
import { ManualClock } from '@muster/core/testing';
import type {
  FindAnswer,
  Finder,
  FleetControl,
  MirrorCrowd,
  MirrorPlace,
  Origin,
  OriginCounts,
  OriginImage,
  PoolReport,
  Puller,
  RegistryRoll,
  ScoreSight,
  ScoreWatch,
} from '../../src/demos/ports.ts';
import { type DemoReport, runScript, type Script } from '../../src/demos/story.ts';
import type { FleetFile, FleetMember, FleetRole } from '../../src/fleet/fleet-file.ts';

/** What is wrong with the fleet. */
export interface Faults {
  /** The registry forgets who registered last when it is killed. */
  readonly registryForgets?: boolean;
  readonly overlayMs?: number;
  readonly overlayProof?: Located['proof'];
  readonly overlayAnswersNobody?: boolean;
  /** The liar stays in this many pools. */
  readonly liarStays?: number;
  readonly liarIsNeverTaken?: boolean;
  /** An honest indexer is put out, too. */
  readonly honestIsBlamed?: boolean;
  /** Each mirror reads at the origin. */
  readonly everyMirrorReads?: boolean;
  readonly readsTwiceAtOnce?: boolean;
  readonly readsAgain?: boolean;
  /** One mirror fails. */
  readonly mirrorFails?: boolean;
  readonly cutIsIgnored?: boolean;
  readonly staysCut?: boolean;
}

const INITIAL: readonly (readonly [FleetRole, string])[] = [
  ['registry', 'registry'],
  ['indexer', 'indexer-1'],
  ['indexer', 'indexer-2'],
  ['node', 'alpha'],
  ['node', 'bravo'],
  ['node', 'charlie'],
  ['node', 'delta'],
  ['mirror', 'mirror-1'],
  ['mirror', 'mirror-2'],
  ['mirror', 'mirror-3'],
  ['mirror', 'mirror-4'],
  ['origin', 'origin'],
];

export class FakeFleet
  implements FleetControl, Finder, RegistryRoll, ScoreWatch, Origin, Puller, MirrorCrowd
{
  readonly calls: string[] = [];
  readonly told: string[] = [];
  readonly clock = new ManualClock();

  readonly aborting = new AbortController();
  readonly #faults: Faults;
  #members: FleetMember[] = INITIAL.map(([role, name], index) => memberOf(role, name, index));
  #forgotten: string | undefined;
  #groups: readonly (readonly string[])[] = [];
  #looks = 0;
  #images = 0;
  readonly #reads = new Map<string, { reads: number; bytes: number; mostAtOnce: number }>();
  readonly #holders = new Map<string, Set<string>>();

  constructor(faults: Faults = {}) {
    this.#faults = faults;
  }

  async run(script: Script): Promise<DemoReport> {
    const running = runScript(
      {
        demo: 'test',
        clock: this.clock,
        timers: this.clock,
        signal: this.aborting.signal,
        tell: (event) => void this.told.push('step' in event ? event.step.text : event.check.name),
      },
      script,
    );
    const ended = running.then(() => true);
    while (!(await Promise.race([ended, turn()]))) await this.clock.advance(200);
    return await running;
  }

  // FleetControl

  async fleet(): Promise<FleetFile> {
    return { members: this.#members } as unknown as FleetFile;
  }

  async add(wish: Parameters<FleetControl['add']>[0]): Promise<FleetMember> {
    this.calls.push(`add ${wish.role}${wish.misbehave === undefined ? '' : ' that lies'}`);
    const name = wish.name ?? `new-${wish.role}`;
    const member = {
      ...memberOf(wish.role, name, this.#members.length),
      ...(wish.misbehave !== undefined && { misbehaves: wish.misbehave }),
    };
    this.#members.push(member);
    return member;
  }

  async remove(name: string): Promise<void> {
    this.calls.push(`remove ${name}`);
    this.#members = this.#members.filter((member) => member.name !== name);
  }

  async kill(name: string): Promise<void> {
    this.calls.push(`kill ${name}`);
    this.#to(name, 'killed');
    if (name === 'registry' && this.#faults.registryForgets === true) {
      this.#forgotten = this.#members.findLast(({ role }) => role === 'node')?.name;
    }
  }

  async restart(name: string): Promise<FleetMember> {
    this.calls.push(`restart ${name}`);
    return this.#to(name, 'running');
  }

  async resume(name: string): Promise<void> {
    this.calls.push(`resume ${name}`);
    this.#to(name, 'running');
  }

  /** As a person would have done it before. */
  breakMember(name: string, state: 'killed' | 'paused'): void {
    this.#to(name, state);
  }

  async cut(groups: readonly (readonly string[])[]): Promise<void> {
    this.calls.push('cut');
    if (this.#faults.cutIsIgnored !== true) this.#groups = groups;
  }

  async heal(): Promise<void> {
    this.calls.push('heal');
    this.#groups = [];
  }

  // Finder and roll

  async find(what: string): Promise<FindAnswer> {
    return this.#registryLives ? await this.findAtRegistry(what) : await this.findInOverlay(what);
  }

  async findAtRegistry(what: string): Promise<FindAnswer> {
    if (!this.#registryLives) throw new Error('no registry');
    const found = this.#members.find(({ name }) => name === what);
    return { located: found === undefined ? [] : [locatedOf(found, 'registry', 'authority')], ms: 3 };
  }

  async findInOverlay(what: string): Promise<FindAnswer> {
    const { overlayMs = 40, overlayProof = 'signed', overlayAnswersNobody } = this.#faults;
    const found = this.#members.find(({ name }) => name === what);
    if (found === undefined || overlayAnswersNobody === true) return { located: [], ms: overlayMs };
    return { located: [locatedOf(found, 'overlay', overlayProof)], ms: overlayMs };
  }

  async list(): ReturnType<RegistryRoll['list']> {
    return this.#members
      .filter(({ name, role }) => name !== this.#forgotten && role !== 'registry' && role !== 'origin')
      .map(({ name, nodeId = 0 }) => ({ nodeId, name, publicKey: keyOf(name).toString('base64') }));
  }

  // ScoreWatch

  async pool({ name: member }: FleetMember): Promise<PoolReport> {
    this.#looks += 1;
    const { liarStays = 0, liarIsNeverTaken, honestIsBlamed, staysCut } = this.#faults;
    const indexers = this.#members.filter(({ role, name, misbehaves }) => {
      if (role !== 'indexer' || name === member) return false;
      if (misbehaves === undefined)
        return honestIsBlamed !== true || name !== 'indexer-2' || this.#looks < 20;
      const place = this.#members.findIndex(({ name: other }) => other === member);
      return liarIsNeverTaken !== true && (this.#looks < 50 || place <= liarStays);
    });
    const liar = this.#members.find(({ misbehaves }) => misbehaves !== undefined);
    const isOut = liar !== undefined && !indexers.includes(liar) && liarIsNeverTaken !== true;
    return {
      member,
      entries: indexers
        .filter(() => staysCut !== true || !this.calls.includes('heal'))
        .map(({ peerId = '', misbehaves }) => ({
          peerId,
          isHealthy: true,
          score: misbehaves === undefined ? 97 : 100 - this.#looks,
        })),
      convicted: [
        ...(isOut ? [{ peerId: liar.peerId ?? '', evidence: '3 of 5 verifications failed' }] : []),
        ...(honestIsBlamed === true && this.#looks >= 20
          ? [{ peerId: 'peer-indexer-2', evidence: 'slander' }]
          : []),
      ],
    };
  }

  async score(): Promise<ScoreSight> {
    return {
      score: 100 - this.#looks,
      minimumScore: 20,
      restartPenalty: 0.7,
      terms: [
        {
          name: 'challenge',
          points: 10,
          lostPoints: 10,
          evidence: { challengesCorrect: 1, challengesChecked: 2 },
        },
        { name: 'latency', points: 3, lostPoints: 12, evidence: { rttMs: 30 } },
      ],
    };
  }

  // Origin, mirrors and pulls

  async counts(): Promise<OriginCounts> {
    const reads = new Map([...this.#reads].map(([digest, count]) => [digest, { ...count }]));
    return { reads, requests: 0 };
  }

  async makeImage(): Promise<OriginImage> {
    this.#images += 1;
    const objects = [1, 2, 3].map((part) => ({
      digest: `sha256:${this.#images}-${part}`,
      bytes: 100 * part,
    }));
    return { repository: 'demo/app', digest: objects[0]?.digest ?? '', objects };
  }

  async start(amount: number): Promise<readonly MirrorPlace[]> {
    this.calls.push(`start ${amount} mirrors`);
    return Array.from({ length: amount }, (_, index) => ({
      name: `guest-${index}`,
      mirror: `guest:${index}`,
    }));
  }

  async stop(): Promise<void> {
    this.calls.push('stop mirrors');
  }

  async pull({ name }: MirrorPlace, image: OriginImage): ReturnType<Puller['pull']> {
    if (this.#faults.mirrorFails === true && name === 'mirror-2') throw new Error('no mirror answers');
    const bytes = { cache: 0, peer: 0, origin: 0, unknown: 0 };
    for (const { digest, bytes: size } of image.objects) {
      while (this.#mustWait(name, digest)) await this.clock.sleep(100);
      bytes[this.#get(name, digest, size)] += size;
    }
    return { mirror: name, ms: 100, bytes };
  }

  #get(mirror: string, digest: string, size: number): 'cache' | 'peer' | 'origin' {
    const holders = this.#holders.get(digest) ?? new Set<string>();
    this.#holders.set(digest, holders);
    const { everyMirrorReads, readsAgain, readsTwiceAtOnce } = this.#faults;
    const side = this.#groups.findIndex((group) => group.includes(mirror));
    const isNear = (other: string): boolean => side === -1 || this.#groups[side]?.includes(other) === true;
    if (holders.has(mirror) && readsAgain !== true) return 'cache';
    if ([...holders].some(isNear) && everyMirrorReads !== true && readsAgain !== true) {
      holders.add(mirror);
      return 'peer';
    }
    holders.add(mirror);
    const { reads = 0, bytes = 0 } = this.#reads.get(digest) ?? {};
    const mostAtOnce = readsTwiceAtOnce === true ? 2 : 1;
    this.#reads.set(digest, { reads: reads + 1, bytes: bytes + size, mostAtOnce });
    return 'origin';
  }

  /** Both halves reach the registry, and it says that the other half has it. */
  #mustWait(mirror: string, digest: string): boolean {
    if (this.#groups.length === 0 || this.#groups.flat().includes('registry')) return false;
    if (this.#faults.everyMirrorReads === true) return false;
    const group = this.#groups.find((each) => each.includes(mirror)) ?? [];
    const holders = [...(this.#holders.get(digest) ?? [])];
    return holders.length > 0 && !holders.some((holder) => group.includes(holder));
  }

  get #registryLives(): boolean {
    return this.#members.some(({ name, state }) => name === 'registry' && state === 'running');
  }

  #to(name: string, state: FleetMember['state']): FleetMember {
    const index = this.#members.findIndex((member) => member.name === name);
    if (index === -1) throw new Error(`no ${name}`);
    const member = { ...(this.#members[index] as FleetMember), state };
    this.#members[index] = member;
    return member;
  }
}

function memberOf(role: FleetRole, name: string, index: number): FleetMember {
  return {
    name,
    role,
    state: 'running',
    pid: 1000 + index,
    peerId: `peer-${name}`,
    nodeId: index + 1,
    ...(role === 'mirror' && { mirror: `127.0.0.1:${5000 + index}` }),
  };
}

function keyOf(name: string): Buffer {
  return Buffer.from(name.padEnd(32, '.'));
}

function locatedOf(
  { name, peerId = '', nodeId }: FleetMember,
  source: Located['source'],
  proof: Located['proof'],
): Located {
  return {
    publicKey: keyOf(name),
    peerId,
    nodeId,
    name,
    tags: [],
    addresses: ['/ip4/127.0.0.1/tcp/1'],
    source,
    did: 'did',
    ageMs: source === 'overlay' ? 900 : 0,
    stalenessBoundMs: source === 'overlay' ? 120_000 : 0,
    proof,
  };
}

async function turn(): Promise<false> {
  await new Promise((resolve) => void setImmediate(resolve));
  return false;
}
