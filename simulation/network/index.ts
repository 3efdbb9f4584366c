export { Connection, ConnectionEnd } from './connection.ts';
export { TrafficCounters } from './counters.ts';
export type { ProtocolCount } from './counters.ts';
export { isolation, link, oneWay, partition } from './cuts.ts';
export type { CutRule } from './cuts.ts';
export { LinkModel } from './link-model.ts';
export type { HostLink, LinkOptions } from './link-model.ts';
export { SimNetwork } from './sim-network.ts';
export type { DialFailure, DialResult, Endpoint, SimNetworkOptions, TappedFrame } from './sim-network.ts';
