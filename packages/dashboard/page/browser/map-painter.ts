import type { PeerRole, PeerState } from '../../src/protocol/fleet-view.ts';
import type { MapLayout, Place } from '../model/map-layout.ts';
import { shown } from '../model/text.ts';
import type { Dirty } from './store.ts';
import { colour } from './theme.ts';

/** Up to this many peers everything is drawn again at each change, with names and links; beyond, only what changed. */
export const DETAILED_PEERS = 300;
/** Pixels of a unit of the map, so that three peers do not fill the screen. */
const MAX_SCALE = 44;
const LABEL_SCALE = 24;
const MAX_CAPTIONS = 60;
const CAPTION_FONT = '11px system-ui, sans-serif';
/** Pixels: below, forms cannot be told apart, so that what is not well is drawn larger and filled. */
const TINY = 5;

export interface View {
  /** Pixels per unit. */
  readonly scale: number;
  /** Where the origin of the map is, in pixels. */
  readonly x: number;
  readonly y: number;
}

type ColourName = PeerState | 'line' | 'muted' | 'text' | 'panel' | 'accent' | 'island';
const COLOURS: readonly ColourName[] = [
  'online',
  'stale',
  'unreachable',
  'gone',
  'line',
  'muted',
  'text',
  'panel',
  'accent',
  'island',
];

/** Draws the map on two canvases: peers below, what is pointed at or chosen above. */
export class MapPainter {
  readonly #layout: MapLayout;
  readonly #base: HTMLCanvasElement;
  readonly #over: HTMLCanvasElement;
  readonly #sprites = new Map<string, HTMLCanvasElement>();
  #colours = new Map<ColourName, string>();
  #ratio = 1;
  #view: View = { scale: 1, x: 0, y: 0 };
  #fitted = true;

  constructor(layout: MapLayout, base: HTMLCanvasElement, over: HTMLCanvasElement) {
    this.#layout = layout;
    this.#base = base;
    this.#over = over;
    this.readColours();
  }

  get view(): View {
    return this.#view;
  }

  readColours(): void {
    this.#colours = new Map(COLOURS.map((name) => [name, colour(name)]));
    this.#sprites.clear();
  }

  resize(width: number, height: number, ratio: number): void {
    this.#ratio = ratio;
    for (const canvas of [this.#base, this.#over]) {
      canvas.width = Math.max(1, Math.round(width * ratio));
      canvas.height = Math.max(1, Math.round(height * ratio));
    }
    if (this.#fitted) this.fit();
  }

  /** Shows the whole map. */
  fit(): void {
    const { x, y, width, height } = this.#layout.bounds();
    const [pixelsX, pixelsY] = [this.#base.width / this.#ratio, this.#base.height / this.#ratio];
    // Never nothing: a map that is not shown yet has no size.
    const room = Math.min(
      MAX_SCALE,
      (pixelsX - 24) / Math.max(width, 1),
      (pixelsY - 44) / Math.max(height, 1),
    );
    const scale = Math.max(0.05, room);
    this.#view = {
      scale,
      x: pixelsX / 2 - (x + width / 2) * scale,
      y: pixelsY / 2 - 6 - (y + height / 2) * scale,
    };
    this.#fitted = true;
  }

  /** Makes everything `factor` times larger around a point. */
  zoom(factor: number, x: number, y: number): void {
    const scale = Math.min(120, Math.max(0.5, this.#view.scale * factor));
    const real = scale / this.#view.scale;
    this.#view = { scale, x: x - (x - this.#view.x) * real, y: y - (y - this.#view.y) * real };
    this.#fitted = false;
  }

  move(dx: number, dy: number): void {
    this.#view = { ...this.#view, x: this.#view.x + dx, y: this.#view.y + dy };
    this.#fitted = false;
  }

  get centre(): readonly [number, number] {
    return [this.#base.width / this.#ratio / 2, this.#base.height / this.#ratio / 2];
  }

  /** The peer at a point of the canvas. */
  hit(x: number, y: number): string | undefined {
    let best: string | undefined;
    let nearest = Math.max(9, this.#view.scale * 0.9) ** 2;
    for (const place of this.#layout.places()) {
      const [px, py] = this.#at(place);
      const distance = (px - x) ** 2 + (py - y) ** 2;
      if (distance >= nearest) continue;
      nearest = distance;
      best = place.peer.id;
    }
    return best;
  }

  /** Draws what has changed. */
  paint(dirty: Dirty): void {
    const context = this.#base.getContext('2d');
    if (context === null) return;
    context.setTransform(this.#ratio, 0, 0, this.#ratio, 0, 0);
    const isDetailed = this.#layout.size <= DETAILED_PEERS;
    if (dirty.isAll && this.#fitted) this.fit();
    if (!dirty.isAll && !isDetailed) {
      for (const id of dirty.ids) this.#repaint(context, id);
      return;
    }
    context.clearRect(0, 0, this.#base.width, this.#base.height);
    this.#paintIslands(context);
    if (isDetailed) this.#paintLinks(context, this.#layout.places(), 'line');
    for (const place of this.#layout.places()) this.#stamp(context, place);
    if (this.#showsNames) this.#paintNames(context);
  }

  /** Draws names of groups, and links and a ring for the peer that is pointed at and the one that is chosen. */
  paintOver(hovered: string | undefined, chosen: string | undefined): void {
    const context = this.#over.getContext('2d');
    if (context === null) return;
    context.setTransform(this.#ratio, 0, 0, this.#ratio, 0, 0);
    context.clearRect(0, 0, this.#over.width, this.#over.height);
    if (!this.#showsNames) this.#paintIslandNames(context);
    for (const id of new Set([chosen, hovered])) {
      const place = id === undefined ? undefined : this.#layout.place(id);
      if (place === undefined) continue;
      this.#paintLinks(context, [place], 'accent');
      const [x, y] = this.#at(place);
      context.strokeStyle = this.#colour('accent');
      context.lineWidth = 2;
      context.beginPath();
      context.arc(x, y, this.#size(place) * 0.75 + 3, 0, Math.PI * 2);
      context.stroke();
      if (!this.#showsNames)
        this.#caption(context, shown(place.peer.name, 40), x, y - this.#size(place) * 0.75 - 10);
    }
  }

  /** Whether each peer has its name below it. */
  get #showsNames(): boolean {
    return this.#layout.size <= DETAILED_PEERS && this.#view.scale >= LABEL_SCALE;
  }

  #colour(name: ColourName): string {
    return this.#colours.get(name) ?? '#888';
  }

  #at({ island, x, y }: Place): readonly [number, number] {
    return [
      this.#view.x + (island.x + x) * this.#view.scale,
      this.#view.y + (island.y + y) * this.#view.scale,
    ];
  }

  /** Pixels across of a marker. */
  #size({ isCentre }: Place): number {
    const plain = Math.min(15, Math.max(1.5, this.#view.scale * 1.2));
    return isCentre ? Math.min(22, Math.max(9, this.#view.scale * 2.2)) : plain;
  }

  #repaint(context: CanvasRenderingContext2D, id: string): void {
    const place = this.#layout.place(id);
    if (place === undefined) return;
    const [x, y] = this.#at(place);
    const across = Math.ceil((this.#size(place) + 2) * this.#ratio) / this.#ratio;
    context.fillStyle = this.#colour('island');
    context.fillRect(this.#snap(x, across), this.#snap(y, across), across, across);
    this.#stamp(context, place);
  }

  #stamp(context: CanvasRenderingContext2D, place: Place): void {
    const [x, y] = this.#at(place);
    const size = this.#size(place);
    if (x < -size || y < -size || x > this.#base.width + size || y > this.#base.height + size) return;
    const sprite = this.#sprite(place.role, place.peer.state, size);
    const across = sprite.width / this.#ratio;
    context.drawImage(sprite, this.#snap(x, across), this.#snap(y, across), across, across);
  }

  /** Whole pixels of the screen: copies without interpolation are sharp and several times faster. */
  #snap(value: number, across: number): number {
    return Math.round((value - across / 2) * this.#ratio) / this.#ratio;
  }

  #sprite(role: PeerRole, state: PeerState, size: number): HTMLCanvasElement {
    const key = `${role} ${state} ${size.toFixed(1)}`;
    const known = this.#sprites.get(key);
    if (known !== undefined) return known;
    if (this.#sprites.size > 400) this.#sprites.clear();
    const sprite = document.createElement('canvas');
    sprite.width = sprite.height = Math.ceil((size + 2) * this.#ratio);
    const context = sprite.getContext('2d');
    if (context !== null) {
      context.scale(this.#ratio, this.#ratio);
      const middle = sprite.width / this.#ratio / 2;
      drawMarker(context, { role, state, x: middle, y: middle, size, colour: this.#colour(state) });
    }
    this.#sprites.set(key, sprite);
    return sprite;
  }

  #paintIslands(context: CanvasRenderingContext2D): void {
    context.fillStyle = this.#colour('island');
    for (const { x, y, radius } of this.#layout.islands) {
      context.beginPath();
      context.arc(
        this.#view.x + x * this.#view.scale,
        this.#view.y + y * this.#view.scale,
        radius * this.#view.scale,
        0,
        Math.PI * 2,
      );
      context.fill();
    }
  }

  #paintLinks(context: CanvasRenderingContext2D, places: Iterable<Place>, name: ColourName): void {
    context.strokeStyle = this.#colour(name);
    context.lineWidth = name === 'accent' ? 1.5 : 1;
    context.beginPath();
    for (const place of places) {
      const [x, y] = this.#at(place);
      for (const id of place.peer.links) {
        const other = this.#layout.place(id);
        if (other === undefined) continue;
        const [toX, toY] = this.#at(other);
        context.moveTo(x, y);
        context.lineTo(toX, toY);
      }
    }
    context.stroke();
  }

  #paintNames(context: CanvasRenderingContext2D): void {
    for (const place of this.#layout.places()) {
      const [x, y] = this.#at(place);
      this.#caption(context, shown(place.peer.name, 16), x, y + this.#size(place) / 2 + 10);
    }
  }

  /** Names of groups, the largest first; one that would cover another is left out until there is room. */
  #paintIslandNames(context: CanvasRenderingContext2D): void {
    const taken: { readonly x: number; readonly y: number; readonly half: number }[] = [];
    context.font = CAPTION_FONT;
    for (const island of [...this.#layout.islands].sort((a, b) => b.size - a.size)) {
      const name = this.islandName(island.id);
      const text = `${shown(name, 20)} · ${island.size.toLocaleString('en-GB')}`;
      const x = this.#view.x + island.x * this.#view.scale;
      const y = this.#view.y + (island.y + island.radius) * this.#view.scale + 7;
      const half = context.measureText(text).width / 2 + 3;
      if (taken.some((other) => Math.abs(other.y - y) < 15 && Math.abs(other.x - x) < other.half + half))
        continue;
      taken.push({ x, y, half });
      this.#caption(context, text, x, y);
      if (taken.length >= MAX_CAPTIONS) return;
    }
  }

  /** What a group is called. */
  islandName(id: string): string {
    if (id === 'registry') return 'registry';
    if (id === 'mirrors') return 'mirrors';
    if (id === 'others') return 'without an indexer';
    return this.#layout.place(id)?.peer.name ?? id;
  }

  #caption(context: CanvasRenderingContext2D, text: string, x: number, y: number): void {
    context.font = CAPTION_FONT;
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    context.lineJoin = 'round';
    context.lineWidth = 4;
    context.strokeStyle = this.#colour('panel');
    context.strokeText(text, x, y);
    context.fillStyle = this.#colour('text');
    context.fillText(text, x, y);
  }
}

interface Marker {
  readonly role: PeerRole;
  readonly state: PeerState;
  readonly x: number;
  readonly y: number;
  readonly size: number;
  readonly colour: string;
}

/**
 * The mark of a peer. The form says its role: square = registry, diamond = indexer, disc = node, triangle = mirror, hexagon =
 * origin. The filling says its state, beside the colour: full = online, half = stale, empty = unreachable, a cross = gone.
 */
export function drawMarker(
  context: CanvasRenderingContext2D,
  { role, state, x, y, size, colour }: Marker,
): void {
  context.fillStyle = colour;
  if (size < TINY) {
    context.fill(markerPath('node', x, y, (size / 2) * (state === 'online' ? 0.95 : 1.25)));
    return;
  }
  const radius = size / 2;
  context.strokeStyle = colour;
  context.lineWidth = Math.min(2, Math.max(0.8, size / 7));
  if (state === 'gone') {
    const arm = radius * 0.7;
    context.beginPath();
    context.moveTo(x - arm, y - arm);
    context.lineTo(x + arm, y + arm);
    context.moveTo(x + arm, y - arm);
    context.lineTo(x - arm, y + arm);
    context.stroke();
    return;
  }
  const path = markerPath(role, x, y, state === 'online' ? radius : radius - context.lineWidth / 2);
  if (state === 'online') context.fill(path);
  else context.stroke(path);
  if (state !== 'stale') return;
  context.save();
  context.clip(path);
  context.fillRect(x - radius, y, size, radius);
  context.restore();
}

function markerPath(role: PeerRole, x: number, y: number, radius: number): Path2D {
  const path = new Path2D();
  switch (role) {
    case 'node':
      path.arc(x, y, radius, 0, Math.PI * 2);
      return path;
    case 'registry':
      return polygon(path, x, y, radius * 1.1, 4, Math.PI / 4);
    case 'indexer':
      return polygon(path, x, y, radius * 1.1, 4, 0);
    case 'mirror':
      return polygon(path, x, y + radius * 0.15, radius * 1.1, 3, -Math.PI / 2);
    case 'origin':
      return polygon(path, x, y, radius * 1.05, 6, 0);
  }
}

function polygon(path: Path2D, x: number, y: number, radius: number, corners: number, turn: number): Path2D {
  for (let corner = 0; corner < corners; corner++) {
    const angle = turn + (corner * 2 * Math.PI) / corners;
    path.lineTo(x + Math.cos(angle) * radius, y + Math.sin(angle) * radius);
  }
  path.closePath();
  return path;
}
