import { RegistryClient, refusalOf } from '@muster/client';
import { Identity } from '@muster/core/identity';
import { seededRandom } from '@muster/core/testing';
import { ADMIN_TOKEN } from './server-process.ts';

/** What an actor has done to its node, as far as it can be seen from outside. */
interface Visible {
  registered: boolean;
  hostname: string;
  tags: string;
  visibility: string;
  publicKey: string;
  member: boolean;
  trusted: boolean;
  rotations: number;
}

/**
 * Changes a node over and over, one request at a time, and remembers of each part of it what was acknowledged last, and
 * what was asked for since without an answer. After a crash the node must show the one or the other.
 */
export class Actor {
  readonly #index: number;
  readonly #random: ReturnType<typeof seededRandom>;
  readonly #network: number;
  #identity = Identity.generate();
  #nextIdentity: Identity | undefined;
  readonly #peer = Identity.generate();
  #nodeId: number | undefined;
  #peerId: number | undefined;
  #counter = 0;
  readonly #acknowledged: Visible = {
    registered: false,
    hostname: '',
    tags: '',
    visibility: 'private',
    publicKey: '',
    member: false,
    trusted: false,
    rotations: 0,
  };
  /** The one request that has no answer yet. */
  #asked: Partial<Visible> = {};
  acknowledgements = 0;

  constructor(index: number, seed: number, network: number) {
    this.#index = index;
    this.#random = seededRandom(seed * 1000 + index);
    this.#network = network;
    this.#acknowledged.publicKey = this.#identity.publicKeyBase64;
  }

  /** Changes the node until the server is gone, or `isDone` says so. */
  async act(port: number, onAcknowledged: () => void, isDone: () => boolean): Promise<void> {
    const [own, peer] = [this.#client(port, this.#identity), this.#client(port, this.#peer)];
    try {
      await this.#prepare(own, peer);
      while (!isDone()) {
        await this.#step(own, peer);
        this.acknowledgements++;
        onAcknowledged();
      }
    } catch (error) {
      // Only the end of the server is expected.
      if (refusalOf(error) !== undefined) throw error;
    } finally {
      await Promise.all([own.close(), peer.close()]);
    }
  }

  /** Compares what the server shows with what it acknowledged; returns the differences in words. */
  async differences(port: number): Promise<string[]> {
    if (this.#nodeId === undefined) return [];
    const client = this.#client(port, this.#identity);
    try {
      const shown = await this.#look(client, this.#nodeId).catch((error: unknown) => {
        if (refusalOf(error)?.code !== 'not_found') throw error;
        return undefined;
      });
      if (shown === undefined) return [`node ${this.#nodeId} is gone`];
      const problems: string[] = [];
      for (const name of Object.keys(this.#acknowledged) as (keyof Visible)[]) {
        const allowed =
          name in this.#asked ? [this.#acknowledged[name], this.#asked[name]] : [this.#acknowledged[name]];
        if (allowed.includes(shown[name])) continue;
        problems.push(
          `node ${this.#nodeId}: ${name} is ${String(shown[name])}, acknowledged was ${allowed.join(', then asked ')}`,
        );
      }
      this.#adopt(shown);
      return problems;
    } finally {
      await client.close();
    }
  }

  /** From now on, what the server shows is what counts. */
  #adopt(shown: Visible): void {
    Object.assign(this.#acknowledged, shown);
    this.#asked = {};
    if (this.#nextIdentity?.publicKeyBase64 === shown.publicKey) this.#identity = this.#nextIdentity;
    this.#nextIdentity = undefined;
  }

  async #look(client: RegistryClient, nodeId: number): Promise<Visible> {
    const lookup = await client.lookup(nodeId, { full: true });
    const { rotateCount } = await client.getKeyInfo(nodeId);
    // The peer is in no network, so trust can only come from both reports.
    const trusted = this.#peerId !== undefined && (await client.checkTrust(nodeId, this.#peerId)).trusted;
    return {
      registered: true,
      hostname: lookup.hostname ?? '',
      tags: lookup.tags.join(),
      visibility: lookup.visibility,
      publicKey: Buffer.from(lookup.publicKey as Uint8Array).toString('base64'),
      member: lookup.networks.includes(this.#network),
      trusted,
      rotations: rotateCount,
    };
  }

  async #prepare(own: RegistryClient, peer: RegistryClient): Promise<void> {
    this.#nodeId ??= (await own.register()).nodeId;
    this.#acknowledged.registered = true;
    this.#peerId ??= (await peer.register()).nodeId;
  }

  async #step(own: RegistryClient, peer: RegistryClient): Promise<void> {
    const n = this.#counter++;
    const nodeId = { nodeId: this.#nodeId as number };
    const as = this.#acknowledged;
    switch (this.#random.integer(7)) {
      case 0: {
        const hostname = `h-${this.#index}-${n}`;
        return this.#change({ hostname }, own.setHostname(hostname, nodeId));
      }
      case 1:
        return this.#change({ tags: `t${n}` }, own.setTags([`t${n}`], nodeId));
      case 2: {
        const visibility = as.visibility === 'public' ? 'private' : 'public';
        return this.#change({ visibility }, own.setVisibility(visibility, nodeId));
      }
      case 3:
        return as.member
          ? this.#change({ member: false }, own.leaveNetwork(this.#network, nodeId))
          : this.#change({ member: true }, own.joinNetwork(this.#network, nodeId));
      case 4:
        return this.#toggleTrust(own, peer);
      case 5: {
        const hostname = `r-${this.#index}-${n}`;
        return this.#change({ hostname }, own.register({ hostname, version: `v${n}` }));
      }
      default: {
        this.#nextIdentity = Identity.generate();
        const publicKey = this.#nextIdentity.publicKeyBase64;
        await this.#change(
          { publicKey, rotations: as.rotations + 1 },
          own.rotateKey(this.#nextIdentity, nodeId),
        );
        this.#identity = this.#nextIdentity;
        this.#nextIdentity = undefined;
      }
    }
  }

  async #toggleTrust(own: RegistryClient, peer: RegistryClient): Promise<void> {
    const [nodeId, peerId] = [this.#nodeId as number, this.#peerId as number];
    if (this.#acknowledged.trusted) {
      return this.#change({ trusted: false }, own.revokeTrust(peerId, { nodeId }));
    }
    // Trust begins with the second report.
    await own.reportTrust(peerId, { nodeId });
    return this.#change({ trusted: true }, peer.reportTrust(nodeId, { nodeId: peerId }));
  }

  async #change(parts: Partial<Visible>, request: Promise<unknown>): Promise<void> {
    this.#asked = parts;
    await request;
    Object.assign(this.#acknowledged, parts);
    this.#asked = {};
  }

  #client(port: number, identity: Identity): RegistryClient {
    const nodeId = identity === this.#peer ? this.#peerId : this.#nodeId;
    return new RegistryClient({
      host: '127.0.0.1',
      port,
      identity,
      poolSize: 1,
      maxRepeats: 0,
      adminToken: ADMIN_TOKEN,
      reconnect: { maxAttempts: 1 },
      ...(nodeId === undefined ? {} : { nodeId }),
    });
  }
}
