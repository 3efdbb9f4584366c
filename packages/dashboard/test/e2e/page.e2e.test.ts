import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  changesOf,
  emptyFleet,
  largeFleet,
  peer,
  sequence,
  smallFleet,
} from '../../../../benchmarks/dashboard/lab/fleets.ts';
import type { FleetSnapshot } from '../../src/index.ts';
import { ACCESSIBILITY_FINDINGS, CONTRAST_FINDINGS } from '../support/page-checks.ts';
import { hasChromium, type OpenPage, PageLab } from '../support/page-lab.ts';

const WAIT = { timeout: 20_000 };
const fleet = (): FleetSnapshot => smallFleet(Date.now());
const ALPHA = fleet().peers.find(({ name }) => name === 'alpha')?.id as string;

let lab: PageLab;

/** Waits until the page shows a text. */
async function shows({ page }: Pick<OpenPage, 'page'>, text: string | RegExp): Promise<void> {
  await page.getByText(text).first().waitFor(WAIT);
}

describe.skipIf(!hasChromium())('the page in a browser', () => {
  beforeAll(async () => {
    lab = await PageLab.start();
  });
  afterAll(async () => {
    await lab[Symbol.asyncDispose]();
  });

  it('is loading until the server says something, then live', async () => {
    await using open = await lab.open(undefined);
    await shows(open, 'Loading the fleet…');
    expect(await open.page.locator('main').getAttribute('aria-busy')).toBe('true');
    await expect.poll(() => open.server.readers, WAIT).toBe(1);
    open.server.send(`: heartbeat\n\nevent: snapshot\ndata: ${JSON.stringify(fleet())}\n\n`);
    await shows(open, '12 of 12 peers');
    expect(await open.page.locator('.link').textContent()).toBe('live');
    expect(open.complaints).toEqual([]);
  });

  it('says what to do when nobody is there', async () => {
    await using open = await lab.open(emptyFleet(Date.now()));
    await shows(open, 'No peers yet.');
    for (const view of ['trust', 'pulls', 'rates', 'durability', 'events']) {
      await open.page.goto(`${open.server.url}#/${view}`);
      await open.page.locator('.nothing').first().waitFor(WAIT);
    }
    expect(open.complaints).toEqual([]);
  });

  it('says what a server answers that refuses, and recovers by itself', async () => {
    await using open = await lab.open(fleet(), { refusal: { status: 500 } });
    await shows(open, /the page server answered 500/);
    await shows(open, 'Nothing to show yet.');
    expect(await open.page.getByRole('alert').count()).toBe(1);
    open.server.refusal = undefined;
    await shows(open, '12 of 12 peers');
    expect(await open.page.locator('.notice').count()).toBe(0);
  });

  it('keeps showing what it had when the connection is lost, as old, and goes on', async () => {
    await using open = await lab.open(fleet());
    await shows(open, '12 of 12 peers');
    open.server.refusal = { status: 503 };
    open.server.cut();
    await open.page.locator('.link-waiting').waitFor(WAIT);
    await shows(open, /What is shown is from \d{4}-\d\d-\d\d/);
    await shows(open, /Attempt \d+ in \d+ s/);
    expect(await open.page.locator('main.is-old').count()).toBe(1);
    expect(await open.page.locator('.grid-body [role=row]').count()).toBeGreaterThan(5);
    expect(await open.page.evaluate(CONTRAST_FINDINGS)).toEqual([]);
    open.server.snapshot = { ...fleet(), seq: 40, peers: [peer('only one is left')] };
    open.server.refusal = undefined;
    await open.page.getByRole('button', { name: 'Try now' }).click();
    await shows(open, '1 of 1 peer');
    await open.page.locator('.link-live').waitFor(WAIT);
    expect(await open.page.locator('main.is-old').count()).toBe(0);
    expect(open.complaints).toEqual([]);
  });

  it('does not pretend to understand another protocol', async () => {
    await using open = await lab.open({ ...fleet(), protocol: 2 } as unknown as FleetSnapshot);
    await shows(open, /speaks protocol 2; this page reads 1/);
    expect(open.server.opened).toBe(1);
  });

  it('asks for everything again after a gap, and after what cannot be read', async () => {
    await using open = await lab.open(fleet());
    await shows(open, '12 of 12 peers');
    open.server.push({ seq: 99, at: Date.now() });
    await expect.poll(() => open.server.opened, WAIT).toBe(2);
    await open.page.locator('.link-live').waitFor(WAIT);
    await expect.poll(() => open.server.readers, WAIT).toBe(1);
    open.server.send('event: delta\ndata: {"seq":\n\n');
    await expect.poll(() => open.server.opened, WAIT).toBe(3);
    await open.page.locator('.link-live').waitFor(WAIT);
    expect(open.complaints).toEqual([]);
  });

  it('shows changes as they come, without reloading, and speaks of bad ones', async () => {
    await using open = await lab.open(fleet());
    await shows(open, '12 of 12 peers');
    const before = await open.page.evaluate('performance.timeOrigin');
    const row = open.page.getByRole('row', { name: /^alpha/ });
    expect(await row.textContent()).toContain('online');
    open.server.push({
      seq: 13,
      at: Date.now(),
      peers: [
        {
          ...(fleet().peers.find(({ id }) => id === ALPHA) as FleetSnapshot['peers'][number]),
          state: 'gone',
        },
        peer('echo'),
      ],
      happenings: [{ seq: 6, at: Date.now(), severity: 'error', text: 'alpha was killed', peer: ALPHA }],
    });
    await shows(open, '13 of 13 peers');
    await expect.poll(() => row.textContent(), WAIT).toContain('gone');
    await expect.poll(() => open.page.getByRole('log').textContent(), WAIT).toBe('alpha was killed');
    expect(await open.page.evaluate('performance.timeOrigin')).toBe(before);
  });

  it('searches, filters and sorts, and the address says so', async () => {
    await using open = await lab.open(fleet());
    await open.page.getByRole('searchbox').fill('mirr tag:zone-a');
    await shows(open, '4 of 12 peers');
    await open.page.getByLabel('State').selectOption('unreachable');
    await shows(open, '1 of 12 peers');
    expect(open.page.url()).toContain('state=unreachable');
    await open.page.reload();
    await shows(open, '1 of 12 peers');
    expect(await open.page.getByRole('searchbox').inputValue()).toBe('mirr tag:zone-a');
    await open.page.getByRole('searchbox').fill('nobody is called this');
    await shows(open, 'No peer matches.');
    await open.page.getByRole('button', { name: 'Show all' }).click();
    await shows(open, '12 of 12 peers');
    await open.page.getByRole('button', { name: 'Role' }).click();
    expect(await open.page.getByRole('columnheader', { name: 'Role' }).getAttribute('aria-sort')).toBe(
      'ascending',
    );
    await expect
      .poll(() => open.page.locator('.grid-body [role=row]').first().textContent(), WAIT)
      .toContain('registry');
  });

  it('is walked by keyboard: into the list, along it, into details and back', async () => {
    await using open = await lab.open(largeFleet(Date.now(), 500));
    await shows(open, '500 of 500 peers');
    const focused = (): Promise<string> =>
      open.page.evaluate(
        '`${document.activeElement.getAttribute("role") ?? document.activeElement.tagName} ${document.activeElement.getAttribute("aria-rowindex") ?? ""}`',
      );
    await open.page.keyboard.press('Tab');
    expect(await open.page.evaluate('document.activeElement.className')).toBe('skip');
    await open.page.keyboard.press('Enter');
    expect(await focused()).toBe('MAIN ');
    await open.page.getByRole('button', { name: 'Networks' }).focus();
    await open.page.keyboard.press('Tab');
    expect(await focused()).toBe('row 2');
    expect(await open.page.evaluate('getComputedStyle(document.activeElement).outlineStyle')).toBe('solid');
    await open.page.keyboard.press('ArrowDown');
    await expect.poll(focused, WAIT).toBe('row 3');
    await open.page.keyboard.press('End');
    await expect.poll(focused, WAIT).toBe('row 501');
    await open.page.keyboard.press('PageUp');
    await open.page.keyboard.press('Home');
    await expect.poll(focused, WAIT).toBe('row 2');
    const name = await open.page.locator('.grid-body [role=row]').first().locator('.cell-name').textContent();
    await open.page.keyboard.press('Enter');
    const panel = open.page.getByRole('complementary');
    await panel.waitFor(WAIT);
    expect(await panel.getByRole('heading', { level: 2 }).textContent()).toBe(name);
    expect(open.page.url()).toContain('peer=');
    await open.page.keyboard.press('Escape');
    await panel.waitFor({ ...WAIT, state: 'detached' });
    await expect.poll(focused, WAIT).toBe('row 2');
  });

  it('shows a peer with all its names, whom it deals with, and who trusts it', async () => {
    const indexer = fleet().peers.find(({ name }) => name === 'indexer-2')?.id as string;
    await using open = await lab.open(fleet(), { hash: `#/fleet?peer=${encodeURIComponent(indexer)}` });
    const panel = open.page.getByRole('complementary');
    await panel.waitFor(WAIT);
    const text = (await panel.textContent()) ?? '';
    for (const part of [
      indexer,
      'did:key:',
      '127.0.0.1:4002',
      'p2p-4001',
      'evicted: two witnesses contradict',
    ])
      expect(text).toContain(part);
    await panel.getByRole('link', { name: 'Every term and its evidence' }).click();
    await shows(open, '1 of 14 challenges agrees with the witnesses');
    await expect.poll(() => open.page.locator('.uplot').count(), WAIT).toBe(1);
  });

  it('shows where each byte of a pull came from', async () => {
    await using open = await lab.open(fleet(), { hash: '#/pulls' });
    await shows(open, /4 mirrors, 1 origin read, 1 running, 1 failed/);
    await open.page.locator('.pull-head').first().click();
    await shows(open, /the peer closed the connection/);
    const rows = open.page.getByRole('row');
    expect(await rows.filter({ hasText: 'running' }).textContent()).toContain(
      'mirror-1 20.0 MiB, mirror-2 11.0 MiB',
    );
    expect(await rows.filter({ hasText: 'origin 48.0 MiB' }).count()).toBe(1);
  });

  it('draws the map, zooms it by keyboard, and says the same in words', async () => {
    await using open = await lab.open(fleet());
    const map = open.page.getByRole('img', {
      name: /^Map of the fleet in 4 groups: 1 registry, 1 online; 2 indexers/,
    });
    await map.waitFor(WAIT);
    const picture = (): Promise<string> =>
      open.page.evaluate('document.querySelector(".map-canvas").toDataURL()');
    await expect.poll(async () => (await picture()).length, WAIT).toBeGreaterThan(5_000);
    const before = await picture();
    await map.focus();
    await open.page.keyboard.press('+');
    await expect.poll(picture, WAIT).not.toBe(before);
    await open.page.keyboard.press('0');
    await expect.poll(picture, WAIT).toBe(before);
    await open.page.getByText('The map in words: 4 groups').click();
    await shows(open, 'Mirrors and their origin');
  });

  it('remembers the choice of colours', async () => {
    await using open = await lab.open(fleet(), { colorScheme: 'light' });
    const ground = (): Promise<string> =>
      open.page.evaluate('getComputedStyle(document.documentElement).backgroundColor');
    /** How many pixels of the map are of the colour of its islands, which only the style sheet names. */
    const islands = async (red: number): Promise<number> =>
      await open.page.evaluate(`{
        const canvas = document.querySelector('.map-canvas');
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        let count = 0;
        for (let at = 0; at < data.length; at += 4) if (data[at] === ${red} && data[at + 3] === 255) count++;
        count;
      }`);
    await shows(open, '12 of 12 peers');
    const light = await ground();
    await expect.poll(async () => await islands(0xf1), WAIT).toBeGreaterThan(5_000);
    await open.page.getByLabel('Colours').selectOption('dark');
    expect(await ground()).not.toBe(light);
    await expect.poll(async () => await islands(0x1b), WAIT).toBeGreaterThan(5_000);
    const dark = await ground();
    await open.page.reload();
    await shows(open, '12 of 12 peers');
    expect(await ground()).toBe(dark);
  });

  it.each(['light', 'dark'] as const)('can be read and used by everyone: %s', async (colorScheme) => {
    const first = encodeURIComponent(fleet().pulls[0]?.digest ?? '');
    await using open = await lab.open(fleet(), { colorScheme });
    for (const hash of [
      'fleet',
      `fleet?peer=${ALPHA}`,
      'trust',
      `pulls/${first}`,
      'rates',
      'durability',
      'events',
    ]) {
      await open.page.goto(`${open.server.url}#/${hash}`);
      await open.page.locator('main .panel').first().waitFor(WAIT);
      expect(await open.page.evaluate(ACCESSIBILITY_FINDINGS), hash).toEqual([]);
      expect(await open.page.evaluate(CONTRAST_FINDINGS), hash).toEqual([]);
    }
    expect(open.complaints).toEqual([]);
  });

  it('does not overflow a narrow window', async () => {
    await using open = await lab.open(fleet(), { viewport: { width: 800, height: 900 } });
    for (const view of ['fleet', 'trust', 'pulls', 'rates', 'durability', 'events']) {
      await open.page.goto(`${open.server.url}#/${view}`);
      await open.page.locator('main .panel').first().waitFor(WAIT);
      expect(await open.page.evaluate('document.documentElement.scrollWidth'), view).toBeLessThanOrEqual(800);
    }
  });

  it('holds ten thousand peers in a small document, and takes changes of them', async () => {
    const large = largeFleet(Date.now(), 10_000);
    await using open = await lab.open(large);
    await shows(open, '10,000 of 10,000 peers');
    const elements = (): Promise<number> => open.page.evaluate('document.querySelectorAll("*").length');
    expect(await elements()).toBeLessThan(1_500);
    const random = sequence(5);
    for (let seq = large.seq + 1; seq <= large.seq + 20; seq++)
      open.server.push({ seq, at: Date.now(), peers: changesOf(large, 100, Date.now(), random) });
    open.server.push({
      seq: large.seq + 21,
      at: Date.now(),
      peers: [peer('the last one', { tags: ['zone-z'] })],
    });
    await shows(open, '10,001 of 10,001 peers');
    await open.page.getByRole('searchbox').fill('zone-z');
    await shows(open, '1 of 10,001 peers');
    await open.page.getByRole('searchbox').fill('');
    await open.page.evaluate('document.querySelector(".grid").scrollTop = 1e9');
    await open.page.getByRole('row', { name: /^the last one/ }).waitFor(WAIT);
    expect(await elements()).toBeLessThan(1_500);
    expect(open.complaints).toEqual([]);
  });
});
