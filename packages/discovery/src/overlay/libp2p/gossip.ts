import type { GossipSub, Message } from '@libp2p/gossipsub';
import type { PeerId as Libp2pPeerId } from '@libp2p/interface';
import type { Logger } from '@muster/core';
import { discoveryErrors } from '../../errors.ts';
import type { PeerId } from '../../wire/messages.ts';
import { FRAME_LIMITS } from '../../wire/protocols.ts';
import type { Gossip, GossipMessage, GossipVerdict } from '../overlay.ts';

type TopicOptions = Parameters<Gossip['subscribe']>[1];
type Verdict = ReturnType<Parameters<GossipSub['topicValidators']['set']>[1]>;

/** What the library's class has beyond its interface. */
interface GossipSubState {
  readonly peers: Map<PeerId, Libp2pPeerId>;
  readonly streamsInbound: Map<PeerId, unknown>;
  readonly streamsOutbound: Map<PeerId, unknown>;
  onPeerDisconnected(peer: Libp2pPeerId): void;
}

/**
 * Topics on GossipSub with strict signing (discovery spec section 4.4). Validators decide before anything is forwarded;
 * what is too long or unsigned is rejected without asking them. A validator that throws has not seen to its input:
 * the message is ignored, and the forwarder not blamed.
 */
export class Libp2pGossip implements Gossip {
  readonly #service: GossipSub;
  readonly #logger: Logger;
  readonly #topics = new Map<string, TopicOptions>();
  #publishing: Promise<unknown> = Promise.resolve();

  constructor(service: GossipSub, logger: Logger) {
    this.#service = service;
    this.#logger = logger;
    service.addEventListener('message', (event) => this.#deliver(event.detail));
  }

  subscribe(topic: string, options: TopicOptions): void {
    this.#topics.set(topic, options);
    this.#service.topicValidators.set(topic, (_forwarder, message) => this.#judge(message) as Verdict);
    this.#service.subscribe(topic);
  }

  unsubscribe(topic: string): void {
    if (!this.#topics.delete(topic)) return;
    this.#service.unsubscribe(topic);
    this.#service.topicValidators.delete(topic);
  }

  async publish(topic: string, data: Uint8Array): Promise<void> {
    if (data.length > FRAME_LIMITS.gossip) {
      throw discoveryErrors.create('GOSSIP_FAILED', `the message has more than ${FRAME_LIMITS.gossip} bytes`);
    }
    // One after the other: the sequence number is taken before an asynchronous signature, and peers written in Go drop
    // what arrives out of order.
    const previous = this.#publishing;
    const turn = (async (): Promise<void> => {
      await previous;
      await this.#service.publish(topic, data);
    })();
    this.#publishing = turn.catch(() => undefined);
    try {
      await turn;
    } catch (error) {
      throw discoveryErrors.create('GOSSIP_FAILED', `the message was not published on ${topic}`, {
        cause: error,
      });
    }
  }

  /**
   * Forgets peers that have gone. The library keeps the stream of a peer, and with it the whole connection, for ever
   * when the connection ends while the stream is being opened.
   */
  forgetGone(isConnected: (peer: PeerId) => boolean): void {
    const { peers, streamsInbound, streamsOutbound } = this.#service as unknown as GossipSubState;
    for (const [peer, id] of peers) {
      if (!isConnected(peer)) (this.#service as unknown as GossipSubState).onPeerDisconnected(id);
    }
    for (const streams of [streamsInbound, streamsOutbound]) {
      for (const peer of streams.keys()) {
        if (!isConnected(peer)) streams.delete(peer);
      }
    }
  }

  #judge(message: Message): GossipVerdict {
    const options = this.#topics.get(message.topic);
    if (options === undefined) return 'ignore';
    const checked = checkedMessage(message);
    if (checked === undefined) return 'reject';
    try {
      return options.validate(checked);
    } catch (error) {
      this.#logger.error({ topic: message.topic, error }, 'a validator of a topic failed');
      return 'ignore';
    }
  }

  #deliver(message: Message): void {
    const checked = checkedMessage(message);
    if (checked === undefined) return;
    try {
      this.#topics.get(message.topic)?.deliver?.(checked);
    } catch (error) {
      this.#logger.error({ topic: message.topic, error }, 'a receiver of a topic failed');
    }
  }
}

function checkedMessage(message: Message): GossipMessage | undefined {
  if (message.type !== 'signed' || message.data.length > FRAME_LIMITS.gossip) return undefined;
  return { topic: message.topic, from: message.from.toString(), data: message.data };
}
