import { setTimeout as delay } from 'node:timers/promises';
import type { FleetSnapshot } from '@muster/dashboard';
import type { CDPSession, Page } from 'playwright-core';
import type { BenchmarkContext } from '../harness/benchmark.ts';
import { figuresOf, type FrameFigures, type FrameSample, START_SAMPLE } from './frames.ts';
import { launchBrowser } from './lab/browser.ts';
import { changesOf, largeFleet, sequence } from './lab/fleets.ts';
import { PageServer } from './lab/page-server.ts';

const PEERS = 10_000;
/** As the page server sends them: ten deltas a second. */
const DELTAS_PER_SECOND = 10;
const CHANGES_PER_SECOND = 1_000;
const VIEWPORT = { width: 1_440, height: 900 };

interface Part {
  readonly id: string;
  readonly hash: string;
  readonly hasChanges: boolean;
  /** Pixels a second by which the list is scrolled, as with a wheel. */
  readonly scrollSpeed: number;
  readonly what: string;
}

const PARTS: readonly Part[] = [
  {
    id: 'rest',
    hash: '#/fleet',
    hasChanges: false,
    scrollSpeed: 0,
    what: 'nothing changes: what this browser does by itself',
  },
  { id: 'changes', hash: '#/fleet', hasChanges: true, scrollSpeed: 0, what: 'map and list by name' },
  {
    id: 'seen',
    hash: '#/fleet?sort=-seen',
    hasChanges: true,
    scrollSpeed: 0,
    what: 'map and list by time, in which each change moves a row',
  },
  {
    id: 'search',
    hash: '#/fleet?q=zone-1',
    hasChanges: true,
    scrollSpeed: 0,
    what: 'map and list with a search open',
  },
  {
    id: 'scroll',
    hash: '#/fleet',
    hasChanges: true,
    scrollSpeed: 5_400,
    what: 'map and list, scrolled by 180 rows a second',
  },
];

/** The page's figures; what the ids mean is in README.md. */
export async function benchmark(context: BenchmarkContext): Promise<void> {
  let restFrames: number | undefined;
  const seconds = context.quick ? 5 : 20;
  await using server = await PageServer.start(undefined);
  const browser = await launchBrowser();
  try {
    const version = `Chromium ${browser.version()}, no graphics processor: pixels are drawn by the same two processors`;
    for (const part of PARTS) {
      if (!context.wants(part.id)) continue;
      context.progress(`${part.id}: ${part.what}`);
      server.snapshot = largeFleet(Date.now(), PEERS);
      const page = await browser.newPage({ viewport: VIEWPORT });
      const session = await page.context().newCDPSession(page);
      await session.send('Performance.enable');
      const openedAt = performance.now();
      await page.goto(server.url + part.hash);
      await page.locator('.grid-body [role=row]').first().waitFor();
      const openMs = performance.now() - openedAt;
      const measured = await measure({ part, page, session, server, seconds });
      if (part.id === 'rest') restFrames = measured.figures.frames;
      report(context, part, measured, { seconds, openMs, version, restFrames });
      await page.close();
    }
  } finally {
    await browser.close();
  }
}

interface Measured {
  readonly figures: FrameFigures;
  /** Share of the time in which the page's thread worked. */
  readonly busy: number;
  readonly elements: number;
  readonly heapMiB: number;
  readonly sentPerSecond: number;
}

async function measure({
  part,
  page,
  session,
  server,
  seconds,
}: {
  readonly part: Part;
  readonly page: Page;
  readonly session: CDPSession;
  readonly server: PageServer;
  readonly seconds: number;
}): Promise<Measured> {
  // What loading leaves to do is over before the clock starts.
  await delay(1_500);
  const before = await metricsOf(session);
  await page.evaluate(START_SAMPLE);
  const startedAt = performance.now();
  const scrolled = part.scrollSpeed === 0 ? undefined : scroll(session, part.scrollSpeed, seconds);
  const sent = part.hasChanges ? await sendChanges(server, seconds) : await delay(seconds * 1_000, 0);
  const elapsed = (performance.now() - startedAt) / 1_000;
  const sample = (await page.evaluate('window.endOfSample()')) as FrameSample;
  const after = await metricsOf(session);
  await scrolled;
  return {
    figures: figuresOf(sample),
    busy: ((after.get('TaskDuration') ?? 0) - (before.get('TaskDuration') ?? 0)) / elapsed,
    elements: await page.evaluate('document.querySelectorAll("*").length'),
    heapMiB: (after.get('JSHeapUsedSize') ?? 0) / 2 ** 20,
    sentPerSecond: sent / elapsed,
  };
}

/** As a hand on a wheel: the browser moves the list by itself, and the page has to follow. */
async function scroll(session: CDPSession, speed: number, seconds: number): Promise<void> {
  await session.send('Input.synthesizeScrollGesture', {
    x: 1_000,
    y: 600,
    yDistance: -speed * seconds,
    speed,
    gestureSourceType: 'mouse',
    preventFling: true,
  });
}

/** Sends deltas at their times; late ones are not made up for by sending several at once. Returns how many changes were sent. */
async function sendChanges(server: PageServer, seconds: number): Promise<number> {
  const fleet = server.snapshot as FleetSnapshot;
  const random = sequence(11);
  const perDelta = CHANGES_PER_SECOND / DELTAS_PER_SECOND;
  const startedAt = performance.now();
  let sent = 0;
  for (let turn = 1; turn <= seconds * DELTAS_PER_SECOND; turn++) {
    await delay(Math.max(0, startedAt + (turn * 1_000) / DELTAS_PER_SECOND - performance.now()));
    const at = Date.now();
    server.push({ seq: fleet.seq + turn, at, peers: changesOf(fleet, perDelta, at, random) });
    sent += perDelta;
  }
  return sent;
}

async function metricsOf(session: CDPSession): Promise<ReadonlyMap<string, number>> {
  const { metrics } = await session.send('Performance.getMetrics');
  return new Map(metrics.map(({ name, value }) => [name, value]));
}

interface Circumstances {
  readonly seconds: number;
  readonly openMs: number;
  readonly version: string;
  /** Of the page at rest, when that was measured. */
  readonly restFrames: number | undefined;
}

function report(
  context: BenchmarkContext,
  { id, what, hasChanges }: Part,
  { figures, busy, elements, heapMiB, sentPerSecond }: Measured,
  { seconds, openMs, version, restFrames }: Circumstances,
): void {
  const load = hasChanges ? `${Math.round(sentPerSecond)} changes/s` : 'no changes';
  const note = `${what}; ${PEERS.toLocaleString('en-GB')} peers, ${load}, ${seconds} s, ${VIEWPORT.width} x ${VIEWPORT.height}; ${version}`;
  const figure = (name: string, value: number, unit: string, more = ''): void =>
    context.report({ id: `${id}.${name}`, value, unit, note: more === '' ? note : `${more}; ${note}` });
  figure('frames', figures.frames, 'frames/s', `${figures.missed} of them late by a frame or more`);
  if (hasChanges && restFrames !== undefined)
    figure('frames.ratio', figures.frames / restFrames, 'x', `to ${restFrames.toFixed(1)} frames/s at rest`);
  figure('frame.p50', figures.p50, 'ms', 'between two frames');
  figure('frame.p95', figures.p95, 'ms', 'between two frames');
  figure('frame.p99', figures.p99, 'ms', 'between two frames');
  figure('frame.max', figures.worst, 'ms', 'between two frames');
  figure('longtasks', figures.longTasks, 'tasks', 'of 50 ms or more');
  figure('busy', busy, 'cores', "work of the page's own thread");
  figure('elements', elements, 'elements', 'in the document');
  figure('heap', heapMiB, 'MiB', 'of JavaScript, garbage included');
  figure('open', openMs, 'ms', 'from the request for the page to its first row of a peer');
}
