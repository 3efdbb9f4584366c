import type { JSX } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { MapPainter } from '../browser/map-painter.ts';
import { type Store, useNow, useStore } from '../browser/store.ts';
import { onThemeChange } from '../browser/theme.ts';
import { count, plural } from '../model/format.ts';
import { EVERY_PEER, type Route, ROLES, STATES } from '../model/route.ts';
import { shown } from '../model/text.ts';
import { go, usePage } from './context.tsx';
import { Foreign, RoleMark, Section, State } from './parts.tsx';

const KEY_STEP = 40;
const ZOOM_STEP = 1.35;
const GROUPS_IN_WORDS = 40;

/** The fleet as a map: a canvas, however many peers there are, and the same in words. */
export function FleetMap(): JSX.Element {
  const { store, route } = usePage();
  const base = useRef<HTMLCanvasElement>(null);
  const over = useRef<HTMLCanvasElement>(null);
  const [hovered, setHovered] = useState<string>();
  const controller = useRef<MapController>(null);
  // The summary in words is made anew each second, not with each change.
  useNow(store);
  useLayoutEffect(() => {
    if (base.current === null || over.current === null) return undefined;
    const made = new MapController(store, base.current, over.current, setHovered);
    controller.current = made;
    return () => made.end();
  }, [store]);
  useEffect(() => controller.current?.choose(route.peer), [route.peer]);
  const choose = (id: string | undefined): void => go({ ...route, peer: id });
  return (
    <Section title="Map" class="map" note={<MapNote />}>
      <div class="map-area">
        <canvas ref={base} class="map-canvas" aria-hidden="true" />
        <canvas
          ref={over}
          class={hovered === undefined ? 'map-canvas' : 'map-canvas is-over-peer'}
          tabIndex={0}
          role="img"
          aria-label={summaryOf(store)}
          aria-describedby="map-help"
          onPointerDown={(event) => controller.current?.pointerDown(event)}
          onPointerMove={(event) => controller.current?.pointerMove(event)}
          onPointerLeave={() => controller.current?.hover(undefined)}
          onPointerUp={(event) => {
            const chosen = controller.current?.pointerUp(event);
            if (chosen !== undefined) choose(chosen.id);
          }}
          onKeyDown={(event) => {
            if (controller.current?.key(event.key) === true) event.preventDefault();
          }}
        />
        <div class="map-tools" role="group" aria-label="Map">
          <button type="button" aria-label="Zoom in" onClick={() => controller.current?.key('+')}>
            +
          </button>
          <button type="button" aria-label="Zoom out" onClick={() => controller.current?.key('-')}>
            −
          </button>
          <button type="button" aria-label="Show the whole map" onClick={() => controller.current?.key('0')}>
            ⤢
          </button>
        </div>
        <p id="map-help" class="hidden">
          Plus and minus zoom, arrow keys move, zero shows everything. The list of peers holds the same peers.
        </p>
      </div>
      <Legend />
      <GroupsInWords route={route} />
    </Section>
  );
}

function MapNote(): JSX.Element {
  const { store } = usePage();
  useStore(store, ({ layout }) => layout.version);
  return <>{plural(store.layout.islands.length, 'group')}</>;
}

function Legend(): JSX.Element {
  return (
    <p class="legend">
      {ROLES.map((role) => (
        <span key={role}>
          <RoleMark role={role} /> {role}
        </span>
      ))}
      <span class="legend-gap" />
      {STATES.map((state) => (
        <State key={state} state={state} />
      ))}
    </p>
  );
}

function summaryOf({ index, layout }: Store): string {
  const roles = ROLES.map((role) => {
    const counts = index.counts(role);
    const total = counts.online + counts.stale + counts.unreachable + counts.gone;
    return total === 0
      ? ''
      : `${plural(total, role, role === 'registry' ? 'registries' : `${role}s`)}, ${count(counts.online)} online`;
  }).filter((text) => text !== '');
  return `Map of the fleet in ${plural(layout.islands.length, 'group')}: ${roles.join('; ') || 'no peers'}`;
}

/** What the map shows, in words, for who cannot see it and for who wants figures. */
function GroupsInWords({ route }: { readonly route: Route }): JSX.Element {
  const { store } = usePage();
  useStore(store, ({ layout }) => layout.version);
  const islands = [...store.layout.islands].sort((a, b) => b.size - a.size);
  return (
    <details class="groups">
      <summary>The map in words: {plural(islands.length, 'group')}</summary>
      <ul>
        {islands.slice(0, GROUPS_IN_WORDS).map((island) => {
          const peer = store.index.peer(island.id);
          return (
            <li key={island.id}>
              {peer === undefined ? (
                ({ registry: 'Registry', mirrors: 'Mirrors and their origin' }[island.id] ??
                'Without an indexer')
              ) : (
                <a
                  href={`#/fleet?peer=${encodeURIComponent(shown(island.id))}`}
                  onClick={(event) => {
                    event.preventDefault();
                    go({ ...route, query: EVERY_PEER, peer: island.id });
                  }}
                >
                  <Foreign text={peer.name} limit={60} />
                </a>
              )}
              : {plural(island.size - (peer === undefined ? 0 : 1), 'peer')}
              {peer === undefined ? '' : ' around it'}
            </li>
          );
        })}
      </ul>
      {islands.length > GROUPS_IN_WORDS ? (
        <p>and {plural(islands.length - GROUPS_IN_WORDS, 'smaller group')}</p>
      ) : null}
    </details>
  );
}

/** Joins the painter with the store and with what a reader does. */
class MapController {
  readonly #store: Store;
  readonly #painter: MapPainter;
  readonly #canvas: HTMLCanvasElement;
  readonly #tellHovered: (id: string | undefined) => void;
  readonly #ends: (() => void)[] = [];
  #hovered: string | undefined;
  #chosen: string | undefined;
  #drag: { readonly x: number; readonly y: number; hasMoved: boolean } | undefined;

  constructor(
    store: Store,
    base: HTMLCanvasElement,
    over: HTMLCanvasElement,
    tellHovered: (id: string | undefined) => void,
  ) {
    this.#store = store;
    this.#canvas = over;
    this.#tellHovered = tellHovered;
    this.#painter = new MapPainter(store.layout, base, over);
    const observer = new ResizeObserver(() => {
      this.#painter.resize(over.clientWidth, over.clientHeight, devicePixelRatio);
      this.#all();
    });
    observer.observe(over);
    const wheel = (event: WheelEvent): void => {
      event.preventDefault();
      this.#painter.zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15, event.offsetX, event.offsetY);
      this.#all();
    };
    over.addEventListener('wheel', wheel, { passive: false });
    this.#ends.push(
      () => observer.disconnect(),
      () => over.removeEventListener('wheel', wheel),
      store.subscribe(() => this.#changed()),
      onThemeChange(() => {
        this.#painter.readColours();
        this.#all();
      }),
    );
  }

  end(): void {
    for (const end of this.#ends) end();
  }

  choose(id: string | undefined): void {
    this.#chosen = id;
    this.#over();
  }

  hover(id: string | undefined): void {
    if (id === this.#hovered) return;
    this.#hovered = id;
    this.#tellHovered(id);
    this.#over();
  }

  pointerDown(event: PointerEvent): void {
    this.#drag = { x: event.offsetX, y: event.offsetY, hasMoved: false };
    this.#canvas.setPointerCapture(event.pointerId);
  }

  pointerMove(event: PointerEvent): void {
    const drag = this.#drag;
    if (drag === undefined) {
      this.hover(this.#painter.hit(event.offsetX, event.offsetY));
      return;
    }
    const [dx, dy] = [event.offsetX - drag.x, event.offsetY - drag.y];
    if (!drag.hasMoved && Math.hypot(dx, dy) < 4) return;
    this.#painter.move(dx, dy);
    this.#drag = { x: event.offsetX, y: event.offsetY, hasMoved: true };
    this.#all();
  }

  /** What was clicked, if it was a click. */
  pointerUp(event: PointerEvent): { readonly id: string | undefined } | undefined {
    const wasDrag = this.#drag?.hasMoved === true;
    this.#drag = undefined;
    return wasDrag ? undefined : { id: this.#painter.hit(event.offsetX, event.offsetY) };
  }

  /** True when the key means something here. */
  key(key: string): boolean {
    const [x, y] = this.#painter.centre;
    if (key === '+' || key === '=') this.#painter.zoom(ZOOM_STEP, x, y);
    else if (key === '-') this.#painter.zoom(1 / ZOOM_STEP, x, y);
    else if (key === '0') this.#painter.fit();
    else if (key === 'ArrowLeft') this.#painter.move(KEY_STEP, 0);
    else if (key === 'ArrowRight') this.#painter.move(-KEY_STEP, 0);
    else if (key === 'ArrowUp') this.#painter.move(0, KEY_STEP);
    else if (key === 'ArrowDown') this.#painter.move(0, -KEY_STEP);
    else return false;
    this.#all();
    return true;
  }

  #changed(): void {
    const dirty = this.#store.takeDirty();
    if (!dirty.isAll && dirty.ids.size === 0) return;
    this.#painter.paint(dirty);
    if (dirty.isAll || dirty.ids.has(this.#chosen ?? '') || dirty.ids.has(this.#hovered ?? '')) this.#over();
  }

  #all(): void {
    this.#painter.paint({ ids: new Set(), isAll: true });
    this.#over();
  }

  #over(): void {
    this.#painter.paintOver(this.#hovered, this.#chosen);
  }
}
