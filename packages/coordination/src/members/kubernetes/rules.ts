/** From pods and nodes to the views of the cluster (coordination spec 18.2), as plain functions. */

import { isIP } from 'node:net';
import type { ClusterNode } from '../../types.ts';
import type { ViewContent } from '../member-view.ts';
import { formatHostPort } from '../published-address.ts';

export const ANNOTATIONS = {
  transferAddress: 'gantry.io/transfer-addr',
  peerId: 'gantry.io/peer-id',
  p2pAddresses: 'gantry.io/p2p-addrs',
} as const;

/** What is looked at of a pod. */
export interface PodFacts {
  readonly name: string;
  readonly nodeName: string;
  readonly ip: string;
  readonly phase: string;
  readonly isReady: boolean;
  readonly isTerminating: boolean;
  /** Milliseconds of the wall clock; 0 when unknown. */
  readonly startedAt: number;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface ViewOptions {
  /** Zone by name of the node. */
  readonly zones: ReadonlyMap<string, string>;
  /** Port of the own transfer listener, for pods that announce no address. */
  readonly transferPort: number;
}

/** The facts of a pod object of the API; undefined when it has no name. */
export function podFacts(object: unknown): PodFacts | undefined {
  const metadata = record(record(object)['metadata']);
  const name = text(metadata['name']);
  if (name === '') return undefined;
  const spec = record(record(object)['spec']);
  const status = record(record(object)['status']);
  const conditions = Array.isArray(status['conditions']) ? status['conditions'].map(record) : [];
  const ready = conditions.find(({ type }) => type === 'Ready');
  const annotations = Object.entries(record(metadata['annotations']));
  return {
    name,
    nodeName: text(spec['nodeName']),
    ip: text(status['podIP']),
    phase: text(status['phase']),
    isReady: ready?.['status'] === 'True',
    isTerminating: text(metadata['deletionTimestamp']) !== '',
    startedAt: timeOf(status['startTime']) ?? timeOf(metadata['creationTimestamp']) ?? 0,
    annotations: Object.fromEntries(annotations.map(([key, value]) => [key, text(value)])),
  };
}

/** Name and zone of a node object of the API; undefined when it has no name. */
export function nodeZone(
  object: unknown,
  zoneLabel: string,
): { readonly name: string; readonly zone: string } | undefined {
  const metadata = record(record(object)['metadata']);
  const name = text(metadata['name']);
  return name === '' ? undefined : { name, zone: text(record(metadata['labels'])[zoneLabel]) };
}

/** The views of these pods. Of two live pods of one node the younger counts (D:38). */
export function kubernetesView(pods: Iterable<PodFacts>, options: ViewOptions): ViewContent {
  const running = [...pods].filter(
    ({ isTerminating, phase, ip }) => !isTerminating && phase === 'Running' && ip !== '',
  );
  const placed = running
    .filter(({ nodeName }) => nodeName !== '')
    .sort((left, right) => right.startedAt - left.startedAt || (left.name < right.name ? -1 : 1));
  const seen = new Set<string>();
  const current = placed.filter(({ nodeName }) => !seen.has(nodeName) && seen.add(nodeName) !== undefined);
  const nodes = current.map((pod) => ({ pod, node: clusterNode(pod, options) }));
  return {
    ready: nodes.filter(({ pod }) => pod.isReady).map(({ node }) => node),
    bootstrap: nodes.map(({ node }) => node).filter(({ p2pAddrs }) => p2pAddrs.length > 0),
    running: running.length,
  };
}

function clusterNode(pod: PodFacts, options: ViewOptions): ClusterNode {
  const { annotations, nodeName, ip } = pod;
  const announced = (annotations[ANNOTATIONS.transferAddress] ?? '').trim();
  const addresses = (annotations[ANNOTATIONS.p2pAddresses] ?? '').split(',').map((part) => part.trim());
  const own = isIP(ip) === 0 ? '' : formatHostPort({ host: ip, port: options.transferPort });
  return {
    id: nodeName,
    addr: announced === '' ? own : announced,
    zone: options.zones.get(nodeName) ?? '',
    peerId: (annotations[ANNOTATIONS.peerId] ?? '').trim(),
    p2pAddrs: addresses.filter((address) => address !== ''),
  };
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function timeOf(value: unknown): number | undefined {
  const time = Date.parse(text(value));
  return Number.isNaN(time) ? undefined : time;
}
