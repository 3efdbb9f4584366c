import { MetricsRegistry, MusterError, type PeerAddress, recordingLogger } from '@muster/core';
import { challengeFor, requestSignatureText } from '@muster/core/identity';
import { ManualClock, seededRandom } from '@muster/core/testing';
import {
  type AdminScope,
  AdminTokens,
  createAdminToken,
  KeyRing,
  NonceWindow,
  type SignatureVerifier,
} from '../../src/auth/index.ts';
import { BreakerSet } from '../../src/breakers/index.ts';
import { type Caller, Proofs } from '../../src/engine/caller.ts';
import { EngineMetrics } from '../../src/engine/engine-metrics.ts';
import { Engine, type Outcome } from '../../src/engine/engine.ts';
import type { OutboundChecks } from '../../src/engine/outbound-checks.ts';
import { Directory } from '../../src/model/directory.ts';
import type { RegistryEvent } from '../../src/model/events.ts';
import type { DirectoryLimits } from '../../src/model/limits.ts';
import type { Slicer } from '../../src/model/list-cache.ts';
import { type AuditNote, operations, legacyOperations } from '../../src/operations/index.ts';
import { ListReply, type Operation } from '../../src/operations/operation.ts';
import { defaultPolicy, type RegistryPolicy } from '../../src/operations/policy.ts';
import { decodeMessage } from '../../src/wire/index.ts';
import { FakeSigner, FakeVerifier, type Signer } from './signers.ts';
import { TestLog } from './test-log.ts';

export const ADMIN_TOKEN = 'test-admin-token';
export const BEACON = '198.51.100.1:9001';
/** What {@link Harness}'s clock shows at first: 2026-03-04T05:06:07Z in unix seconds. */
export const START_SECONDS = Date.parse('2026-03-04T05:06:07Z') / 1000;

/** A decoded reply. */
export type Reply = Record<string, unknown>;

/** A decoded answer: the reply, its exact text, and what must be durable before it is sent. */
export interface Answer {
  readonly reply: Reply;
  readonly text: string;
  readonly seq: number;
}

export type Fields = Record<string, unknown>;

export interface HarnessOptions {
  readonly policy?: Partial<RegistryPolicy>;
  readonly limits?: Partial<DirectoryLimits>;
  /** @default {@link ADMIN_TOKEN}; '' configures none */
  readonly adminToken?: string;
  /** @default a {@link FakeVerifier} */
  readonly verifier?: SignatureVerifier;
  readonly standby?: boolean;
  readonly badgeKeys?: KeyRing;
  readonly recoveryKeys?: KeyRing;
  readonly outbound?: OutboundChecks;
  /** Runs list builds. @default at once */
  readonly slice?: Slicer;
  /** Continues on this state and log, as after a restart. */
  readonly state?: Directory;
  readonly log?: TestLog;
  readonly clock?: ManualClock;
  readonly seed?: number;
}

/** A caller whose new keys the test may refuse. */
export class TestCaller implements Caller {
  readonly source: PeerAddress;
  readonly proofs: Proofs;
  isAdmin = false;
  admitsNewKeys = true;

  constructor(state: Directory, source: PeerAddress) {
    this.source = source;
    this.proofs = new Proofs(state.nodes);
  }

  admitNewKey(): boolean {
    return this.admitsNewKeys;
  }
}

/** A registered node of the harness. */
export interface TestNode {
  readonly id: number;
  readonly signer: Signer;
}

/** Nobody is vouched for. */
const noOutbound: OutboundChecks = {
  verifyIdentityToken: () =>
    Promise.reject(new MusterError('identity_rejected', 'identity verification failed')),
  validateToken: () => Promise.resolve({ verified: false, error: 'invalid token: not in this test' }),
};

/** Small tables: the default ones reserve address space for two million nodes. */
const smallLimits: Partial<DirectoryLimits> = { maxNodes: 4000, maxTombstones: 4000 };

/** An engine on a directory, with everything around it in the hands of the test. */
export class Harness {
  readonly clock: ManualClock;
  readonly log: TestLog;
  readonly state: Directory;
  readonly engine: Engine;
  readonly breakers = new BreakerSet();
  readonly verifier: SignatureVerifier;
  readonly metrics = new MetricsRegistry();
  readonly logger = recordingLogger();
  readonly audits: AuditNote[] = [];
  readonly events: { readonly event: RegistryEvent; readonly seq: number }[] = [];
  readonly broken: unknown[] = [];
  /** Tokens that permit one scope each. */
  readonly scopedTokens = new Map<AdminScope, string>();
  #lastKey = 0;

  constructor(options: HarnessOptions = {}) {
    const random = seededRandom(options.seed ?? 42);
    this.clock = options.clock ?? new ManualClock(START_SECONDS * 1000);
    this.log = options.log ?? new TestLog();
    this.state = options.state ?? new Directory(random, { ...smallLimits, ...options.limits });
    this.verifier = options.verifier ?? new FakeVerifier();
    const adminToken = options.adminToken ?? ADMIN_TOKEN;
    const scopes: AdminScope[] = ['read', 'nodes', 'networks', 'identity', 'operations'];
    const entries = adminToken === '' ? [] : scopes.map((scope) => this.#scopedToken(scope, random));
    this.engine = new Engine({
      state: this.state,
      log: this.log,
      clock: this.clock,
      random,
      policy: { ...defaultPolicy, beaconAddress: BEACON, ...options.policy },
      verifier: this.verifier,
      nonces: new NonceWindow(),
      admins: new AdminTokens(entries, adminToken, random),
      breakers: this.breakers,
      badgeKeys: options.badgeKeys ?? new KeyRing(new Map()),
      recoveryKeys: options.recoveryKeys ?? new KeyRing(new Map()),
      outbound: options.outbound ?? noOutbound,
      metrics: new EngineMetrics(this.metrics),
      logger: this.logger,
      slice: options.slice ?? runAtOnce,
      standby: options.standby ?? false,
      onAudit: (note) => this.audits.push(note),
      onEvents: (events, lastSeq) => {
        for (const [i, event] of events.entries()) {
          this.events.push({ event, seq: lastSeq - events.length + 1 + i });
        }
      },
      onBroken: (error) => this.broken.push(error),
    });
    this.engine.lists.start(this.log.appendedSeq);
  }

  /** The harness's time in unix seconds. */
  get now(): number {
    return Math.floor(this.clock.now() / 1000);
  }

  advance(seconds: number): void {
    this.clock.advance(seconds * 1000);
  }

  /** A new connection. */
  caller(address = '203.0.113.5', port = 41_000): TestCaller {
    return new TestCaller(this.state, { address, port });
  }

  /** A new fake key. */
  signer(): Signer {
    return new FakeSigner(++this.#lastKey);
  }

  /** Sends a message as it would come from the wire and decodes the answer. */
  async execute(type: string, fields: Fields = {}, caller: Caller = this.caller()): Promise<Answer> {
    const decoded = decodeMessage(Buffer.from(JSON.stringify({ type, ...fields })));
    if (!decoded.ok) throw new Error(decoded.error);
    return decodeOutcome(await this.engine.execute(decoded.message, caller));
  }

  /** As {@link execute}; answers the reply alone. */
  async ask(type: string, fields: Fields = {}, caller?: Caller): Promise<Reply> {
    return (await this.execute(type, fields, caller)).reply;
  }

  /** Sends a message with the signature of spec 4.2 by `signer`. */
  async askSigned(type: string, fields: Fields, signer: Signer, caller?: Caller): Promise<Reply> {
    return this.ask(type, signedFields(type, fields, signer), caller);
  }

  /** As {@link askSigned}; fails when the answer is an error. */
  async succeed(type: string, fields: Fields, signer?: Signer, caller?: Caller): Promise<Reply> {
    const reply =
      signer === undefined
        ? await this.ask(type, fields, caller)
        : await this.askSigned(type, fields, signer, caller);
    if (reply['error'] !== undefined) throw new Error(`${type}: ${JSON.stringify(reply)}`);
    return reply;
  }

  /** Registers a new key, signed, from an address of its own. */
  async node(fields: Fields = {}, caller?: Caller, signer: Signer = this.signer()): Promise<TestNode> {
    const listen = { listen_addr: '203.0.113.5:4000', public_key: signer.publicKeyBase64, ...fields };
    const reply = await this.succeed('register', listen, signer, caller);
    return { id: reply['node_id'] as number, signer };
  }

  /** Creates a network with the admin token; answers its id. */
  async network(name: string, creator: number, fields: Fields = {}): Promise<number> {
    const message = { name, node_id: creator, admin_token: ADMIN_TOKEN, ...fields };
    return (await this.succeed('create_network', message))['network_id'] as number;
  }

  async join(node: TestNode, network: number, fields: Fields = {}): Promise<void> {
    await this.succeed('join_network', { node_id: node.id, network_id: network, ...fields }, node.signer);
  }

  /** Both declare trust in the other. */
  async befriend(a: TestNode, b: TestNode): Promise<void> {
    await this.succeed('report_trust', { node_id: a.id, peer_id: b.id }, a.signer);
    await this.succeed('report_trust', { node_id: b.id, peer_id: a.id }, b.signer);
  }

  /** Applies events that no request asks for. */
  commit(...events: RegistryEvent[]): number {
    return this.engine.commit(events);
  }

  #scopedToken(scope: AdminScope, random: ReturnType<typeof seededRandom>) {
    const { token, entry } = createAdminToken({ name: scope, scopes: [scope] }, random);
    this.scopedTokens.set(scope, token);
    return entry;
  }
}

/** The row of an operation. */
export function rowOf(type: string): Operation {
  const row = [...operations, ...legacyOperations].find((one) => one.type === type);
  if (row === undefined) throw new Error(`no operation ${type}`);
  return row;
}

/** A request with the signature that spec 4.2 asks for. */
export function signedFields(type: string, fields: Fields, signer: Signer): Fields {
  const challenge =
    type === 'set_task_exec' ? `set_task_exec:${String(fields['node_id'])}` : challengeFor(type, fields);
  if (challenge === undefined) throw new Error(`${type} has no challenge`);
  return { ...fields, signature: signer.sign(challenge) };
}

/** A request with a v2 signature (spec 4.4, B-10). */
export function signedV2(type: string, fields: Fields, signer: Signer, ts: number, nonce: string): Fields {
  const stamped = { ...fields, ts, nonce };
  return { ...stamped, signature_v2: signer.sign(requestSignatureText({ type, ...stamped })) };
}

/** The bytes and the decoded form of an outcome. */
export function decodeOutcome({ body, seq }: Outcome): Answer {
  const text = body instanceof ListReply ? listText(body) : body.toString('utf8');
  return { reply: JSON.parse(text) as Reply, text, seq };
}

/** A list body as one text. */
export function listText({ body, tail }: ListReply): string {
  const pieces = Buffer.concat(body.pieces);
  if (pieces.length !== body.bytes)
    throw new Error(`list announces ${body.bytes} bytes, has ${pieces.length}`);
  return `{"type":"list_nodes_ok","nodes":[${pieces.toString('utf8')}]${tail}}`;
}

/** Runs the steps of a list build without a pause. */
export async function runAtOnce(steps: Generator<void, void>): Promise<void> {
  while (steps.next().done !== true);
}
