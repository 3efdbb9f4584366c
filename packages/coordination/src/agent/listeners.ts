/** The listeners of an agent and its store, made from its options. */

import type { EventBus } from '@muster/core';
import type { CoordinationEvents } from '../events.ts';
import { formatHostPort, type HostPort } from '../members/published-address.ts';
import { MirrorServer } from '../mirror/server/mirror-server.ts';
import type { RegistryTable } from '../origin/registry-table.ts';
import type { ClusterMembers } from '../parts.ts';
import { FileContentStore } from '../store/file-content-store.ts';
import { TransferServer } from '../transfer/server/transfer-server.ts';
import { type Engine, type EngineParts, secondaryOf } from './engine.ts';
import type { AgentOptions } from './options.ts';

/** Where the listeners of an agent are. */
export interface AgentListeners {
  readonly mirror: HostPort;
  readonly transfer: HostPort;
  readonly metrics: HostPort;
}

export interface ListenerParts extends AgentOptions {
  readonly events: EventBus<CoordinationEvents>;
}

interface Made {
  readonly store: FileContentStore;
  readonly shared: Pick<EngineParts, 'inflight' | 'negative' | 'descriptors' | 'downloads'>;
}

/** Opens the cache folder and reads what is there. Rejects STORE_LOCKED, STORAGE_UNAVAILABLE. */
export function openStore(parts: ListenerParts): Promise<FileContentStore> {
  const { config, storeFiles, clock, timers, random, logger, events } = parts;
  const { settings, node } = config;
  return FileContentStore.open({
    directory: node.cacheDirectory,
    files: storeFiles,
    clock,
    timers,
    random,
    logger: logger.child({ subsystem: 'cache' }),
    events,
    options: {
      budgetBytes: settings.cacheBudgetBytes,
      headroomPercent: settings.forcedEvictionHeadroomPercent,
      providerThreshold: settings.evictionProviderThreshold,
      verifyOnStart: settings.verifyOnStart,
    },
  });
}

/** Where other nodes copy from. */
export function makeTransferServer(
  parts: ListenerParts & Made & { readonly members: ClusterMembers },
): TransferServer {
  const { config, source, transferToken, store, shared, members, clock, timers, logger, events } = parts;
  const { host, port } = config.node.transferListen;
  return new TransferServer(
    {
      store,
      ...(source === undefined ? {} : { secondary: secondaryOf(source) }),
      downloads: shared.downloads,
      inflight: shared.inflight,
      members,
      descriptors: shared.descriptors,
      clock,
      timers,
      logger: logger.child({ subsystem: 'transfer' }),
      events,
      options: config.settings,
    },
    { host, port, ...(transferToken === undefined ? {} : { token: transferToken }) },
  );
}

/** Where the container runtime asks. Its gate is closed. Throws MIRROR_NOT_LOOPBACK. */
export function makeMirrorServer(
  parts: ListenerParts & Made & { readonly engine: Engine; readonly registries: RegistryTable },
): MirrorServer {
  const { config, store, shared, engine, registries, clock, timers, logger, events } = parts;
  const { host, port } = config.node.mirrorListen;
  return new MirrorServer(
    {
      store,
      sessions: engine.sessions,
      heads: engine.heads,
      registries,
      descriptors: shared.descriptors,
      onManifest: (manifest) => engine.onManifest(manifest),
      clock,
      timers,
      logger: logger.child({ subsystem: 'mirror' }),
      events,
      options: config.settings,
    },
    { host, port, allowNonLoopback: config.node.allowNonLoopback },
  );
}

/** `host:port` of each. */
export function listenerTexts(listeners: AgentListeners): Readonly<Record<keyof AgentListeners, string>> {
  const { mirror, transfer, metrics } = listeners;
  return {
    mirror: formatHostPort(mirror),
    transfer: formatHostPort(transfer),
    metrics: formatHostPort(metrics),
  };
}
