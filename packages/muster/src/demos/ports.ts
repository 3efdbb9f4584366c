/**
 * What the demos need of a fleet. `adapters/` answers from the one that runs; tests stand in for it, and let it fail. All calls
 * are bounded by themselves, and end early with the signal.
 */
import type { Located } from '@muster/core';
import type { FleetFile, FleetMember } from '../fleet/fleet-file.ts';

/** The supervisor of the fleet. Calls reject with its coded errors. */
export interface FleetControl {
  /** Everybody, with states as they are now. */
  fleet(): Promise<FleetFile>;
  /** Resolves when it is ready. */
  add(member: {
    readonly role: 'indexer' | 'node' | 'mirror';
    /** @default the next free one of the role; its key is that of the name */
    readonly name?: string;
    readonly misbehave?: 'lie';
  }): Promise<FleetMember>;
  /** Stops it cleanly and forgets it. */
  remove(name: string): Promise<void>;
  /** SIGKILL. */
  kill(name: string): Promise<void>;
  /** Starts one again that does not run; resolves when it is ready. */
  restart(name: string): Promise<FleetMember>;
  resume(name: string): Promise<void>;
  /** Members of different groups cannot reach one another; who is in none is untouched. Replaces the cut before. */
  cut(groups: readonly (readonly string[])[]): Promise<void>;
  /** Ends the cut. */
  heal(): Promise<void>;
}

/** An answer of `muster find`. */
export interface FindAnswer {
  /** Nobody found is an empty list. */
  readonly located: readonly Located[];
  /** From the question to the answer. */
  readonly ms: number;
}

/** Asks as a person would with `muster find`: the registry first, and the overlay when it cannot be reached. */
export interface Finder {
  /** `node` is asked for what the overlay knows. Rejects with the coded error of the last that was asked. */
  find(what: string, node: FleetMember): Promise<FindAnswer>;
  /** The registry alone. Rejects when it does not answer. */
  findAtRegistry(what: string): Promise<FindAnswer>;
  /** The overlay alone, as `node` sees it. */
  findInOverlay(what: string, node: FleetMember): Promise<FindAnswer>;
}

/** Who is registered, as the registry says. */
export interface RegistryRoll {
  list(): Promise<readonly RegisteredNode[]>;
}

export interface RegisteredNode {
  readonly nodeId: number;
  readonly name: string;
  /** Text of the key. */
  readonly publicKey: string;
}

/** One indexer in a pool. */
export interface PoolSight {
  readonly peerId: string;
  readonly isHealthy: boolean;
  /** Undefined before it has answered. */
  readonly score: number | undefined;
}

/** The pool of one honest member. */
export interface PoolReport {
  readonly member: string;
  readonly entries: readonly PoolSight[];
  readonly convicted: readonly { readonly peerId: string; readonly evidence: string }[];
}

/** One term of a score. */
export interface TermSight {
  readonly name: string;
  /** Of 100. */
  readonly points: number;
  readonly lostPoints: number;
  readonly evidence: Readonly<Record<string, number>>;
}

export interface ScoreSight {
  readonly score: number | undefined;
  readonly minimumScore: number;
  readonly restartPenalty: number | undefined;
  readonly terms: readonly TermSight[];
}

/** Looks into the pools of nodes and indexers. */
export interface ScoreWatch {
  /** Rejects when the member does not answer. */
  pool(member: FleetMember): Promise<PoolReport>;
  /** Undefined when it is not in the pool of the member. */
  score(member: FleetMember, peerId: string): Promise<ScoreSight | undefined>;
}

/** What the origin was asked for, since it runs. */
export interface OriginCounts {
  /** Answers with a body, by digest. */
  readonly reads: ReadonlyMap<string, OriginReads>;
  /** All requests, of whatever kind. */
  readonly requests: number;
}

export interface OriginReads {
  readonly reads: number;
  readonly bytes: number;
  /** Most of these at the same time; undefined when the origin does not tell. */
  readonly mostAtOnce: number | undefined;
}

/** One object of an image. */
export interface ImageObject {
  readonly digest: string;
  readonly bytes: number;
}

/** An image at the origin. */
export interface OriginImage {
  readonly repository: string;
  /** Of the manifest. */
  readonly digest: string;
  readonly objects: readonly ImageObject[];
}

/** The origin of the fleet. */
export interface Origin {
  counts(): Promise<OriginCounts>;
  /** Makes an image that nobody has yet. */
  makeImage(name: string): Promise<OriginImage>;
}

/** A mirror that can be asked. */
export interface MirrorPlace {
  readonly name: string;
  /** `host:port` for clients of OCI registries. */
  readonly mirror: string;
}

/** One pull of a whole image. Everything was compared with its digest. */
export interface PullResult {
  readonly mirror: string;
  readonly ms: number;
  readonly bytes: Readonly<Record<'cache' | 'peer' | 'origin' | 'unknown', number>>;
}

/** Pulls as a container runtime does. */
export interface Puller {
  /** Rejects with a coded error when the mirror fails, or sends something else than was asked for. */
  pull(place: MirrorPlace, image: OriginImage): Promise<PullResult>;
}

/** Further mirrors, for a while. */
export interface MirrorCrowd {
  /** Starts real mirrors, members like all others, and resolves when all of them know each other. */
  start(amount: number): Promise<readonly MirrorPlace[]>;
  /** Ends them and takes them out of the registry. Never rejects. */
  stop(): Promise<void>;
}
