import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { smallFleet } from '../../../../benchmarks/dashboard/lab/fleets.ts';
import type { FleetSnapshot, PeerView } from '../../src/index.ts';
import { INJECTED } from '../support/page-checks.ts';
import { hasChromium, PageLab } from '../support/page-lab.ts';

const WAIT = { timeout: 20_000 };

/** Text that would run, load, lead away, turn or break a page that takes it for markup. */
const ATTACKS: readonly (readonly [what: string, text: string])[] = [
  ['an image that does not load', '<img src=x onerror="window.hacked=1">'],
  ['a script', '"><script>window.hacked=2</script>'],
  ['an end of an attribute', "' onmouseover='window.hacked=3"],
  ['an address that runs', 'javascript:window.hacked=4'],
  ['a drawing that runs', '<svg/onload=window.hacked=5>'],
  ['a template', '{{constructor.constructor("window.hacked=6")()}}'],
  ['a style sheet', '</style><style>*{display:none}</style>'],
  ['characters that turn and hide', 'safe\u202egnp.exe\u2066\u0000\u001b[2J'],
  ['sixteen thousand wide characters', '\uff37'.repeat(16_000)],
  ['the name of a prototype', '__proto__'],
  ['an encoded script', '%3Cscript%3E'],
  ['half a character', '\ud800 half'],
];

/** A fleet of which every text is an attack. */
function hostileFleet(attack: string): FleetSnapshot {
  const fleet = smallFleet(Date.now());
  const id = (text: string): string => `${text}${attack}`;
  return {
    ...fleet,
    title: attack,
    version: attack,
    peers: fleet.peers.map((peer): PeerView => ({
      ...peer,
      id: id(peer.id),
      name: `${peer.name} ${attack}`,
      peerId: attack,
      did: attack,
      address: attack,
      tags: [attack, `${attack}2`],
      links: peer.links.map(id),
    })),
    scores: fleet.scores.map((score) => ({
      ...score,
      id: id(score.id),
      observer: id(score.observer),
      subject: id(score.subject),
      reason: attack,
      terms: score.terms.map((term) => ({ ...term, name: `${term.name}${attack}`, evidence: attack })),
    })),
    pulls: fleet.pulls.map((pull) => ({
      ...pull,
      digest: `${pull.digest}${attack}`,
      kind: attack,
      mirror: id(pull.mirror),
      reason: attack,
      sources: pull.sources.map(({ from, bytes }) => ({ from: `${from}${attack}`, bytes })),
    })),
    series: fleet.series.map((series) => ({
      ...series,
      id: `${series.id}${attack}`,
      label: attack,
      unit: attack,
    })),
    ...(fleet.durability === undefined ? {} : { durability: { ...fleet.durability, mode: attack } }),
    sources: fleet.sources.map((source) => ({
      ...source,
      id: `${source.id}${attack}`,
      address: attack,
      error: attack,
    })),
    happenings: fleet.happenings.map((happening) => ({ ...happening, text: attack, peer: attack })),
  };
}

let lab: PageLab;

describe.skipIf(!hasChromium())('peers that attack whoever looks at them', () => {
  beforeAll(async () => {
    lab = await PageLab.start();
  });
  afterAll(async () => {
    await lab[Symbol.asyncDispose]();
  });

  it.each(ATTACKS)('are shown as text: %s', async (_, attack) => {
    const fleet = hostileFleet(attack);
    await using open = await lab.open(fleet);
    const peer = encodeURIComponent((fleet.peers[1]?.id ?? '').toWellFormed());
    const digest = encodeURIComponent((fleet.pulls[0]?.digest ?? '').toWellFormed());
    for (const hash of [
      'fleet',
      `fleet?peer=${peer}`,
      'trust',
      'pulls',
      `pulls/${digest}`,
      'rates',
      'durability',
      'events',
    ]) {
      await open.page.goto(`${open.server.url}#/${hash.slice(0, 3_900)}`);
      await open.page.locator('main .panel').first().waitFor(WAIT);
      expect(await open.page.getByText('This view failed.').count(), hash).toBe(0);
      expect(await open.page.evaluate(INJECTED), hash).toEqual([]);
      expect(await open.page.evaluate('document.documentElement.scrollWidth'), hash).toBeLessThanOrEqual(
        1_280,
      );
    }
    // Nothing was even tried that the policy of the page had to forbid.
    expect(open.complaints).toEqual([]);
  });

  it('do not break the page with values of another kind, and are left out where that is all there is', async () => {
    const fleet = smallFleet(Date.now());
    const strange = fleet.peers.map((peer, index) => ({
      ...peer,
      roles: ['toString'],
      lastSeenAt: 1e300,
      ...(index % 2 === 0 ? { state: 'constructor' } : {}),
    }));
    await using open = await lab.open({ ...fleet, peers: strange as unknown as readonly PeerView[] });
    await open.page.getByText('6 of 6 peers').waitFor(WAIT);
    expect(await open.page.getByText('This view failed.').count()).toBe(0);
    expect(open.complaints).toEqual([]);
  });
});
