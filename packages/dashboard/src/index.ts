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
