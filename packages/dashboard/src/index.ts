export { PAGE_BUILD_COMMAND, pageFolder, PageNotBuiltError } from './adapters/page-folder.ts';
export { applyDelta, pullsNewestFirst, stateOf } from './protocol/apply-delta.ts';
export type { FleetState } from './protocol/apply-delta.ts';
export { VIEW_LIMITS } from './protocol/fleet-view.ts';
export type {
  DurabilityView,
  FleetDelta,
  FleetSnapshot,
  HappeningView,
  PeerRole,
  PeerState,
  PeerView,
  PullSourceView,
  PullView,
  ScoreView,
  SeriesView,
  SourceView,
  TermView,
  ViewSource,
} from './protocol/fleet-view.ts';
