import type { TransferLies } from '../fabric/transfer-endpoint.ts';
import { type CoordLie, lieTo } from '../lies.ts';
import { digestsOf, type Play, scenario } from './setup.ts';

/** Every tenth agent. */
function liarsOf({ fleet }: Play): readonly string[] {
  return fleet.hosts.filter((_, index) => index % 10 === 3);
}

async function playTransferLies(
  play: Play,
  lies: TransferLies,
): ReturnType<Parameters<typeof scenario>[0]['play']> {
  const { fleet, image, pullEverywhere, served } = play;
  for (const host of liarsOf(play)) fleet.lie(host, lies);
  const wanted = image('app/one');
  pullEverywhere(wanted, 500);
  await served();
  return { digests: digestsOf(wanted), origin: { reads: { atMost: 3 } } };
}

/** S12: wrong bytes. What the liar was to pull for all is read once more. */
export const S12 = scenario({
  id: 'S12',
  title: 'one agent serves corrupt bytes',
  play: async ({ fleet, image, pullEverywhere, served }) => {
    fleet.lie(fleet.hosts[3] ?? '', { isCorrupt: true });
    const wanted = image('app/one');
    pullEverywhere(wanted, 500);
    await served();
    return { digests: digestsOf(wanted), origin: { reads: { atMost: 2 } } };
  },
});

/** S12 with more liars than one. */
export const S12C = scenario({
  id: 'S12c',
  title: 'every tenth agent serves corrupt bytes',
  play: async (play) => playTransferLies(play, { isCorrupt: true }),
});

export const S12D = scenario({
  id: 'S12d',
  title: 'every tenth agent ends its bodies at half',
  play: async (play) => playTransferLies(play, { truncateAt: 0.5 }),
});

export const S12E = scenario({
  id: 'S12e',
  title: 'every tenth agent stands still at half of its bodies',
  play: async (play) => playTransferLies(play, { stallAt: 0.5 }),
});

export const S12F = scenario({
  id: 'S12f',
  title: 'every tenth agent answers 404 to all transfers',
  play: async (play) => playTransferLies(play, { status: 404 }),
});

/**
 * Pulls that never end are waited for; when both pullers that a run may accept were liars, each node goes through the gate of
 * the last resort by itself, and its jitter is all that bounds them (coordination spec 12.1).
 */
const THROUGH_THE_GATE = 8;

function coordLiars(id: string, title: string, lie: CoordLie, atMost = 3): ReturnType<typeof scenario> {
  return scenario({
    id,
    title,
    play: async (play) => {
      const { fleet, image, pullEverywhere, served } = play;
      for (const host of liarsOf(play)) {
        const agent = fleet.agent(host);
        if (agent !== undefined) lieTo(agent, lie);
        fleet.lie(host, { status: 404 });
      }
      const wanted = image('app/one');
      pullEverywhere(wanted, 500);
      await served();
      return { digests: digestsOf(wanted), origin: { reads: { atMost } } };
    },
  });
}

export const LIES = [
  coordLiars('L1', 'every tenth agent says it has everything, and answers 404', 'has-it'),
  coordLiars(
    'L2',
    'every tenth agent says it pulls everything, for ever',
    'pulls-for-ever',
    THROUGH_THE_GATE,
  ),
  coordLiars('L3', 'every tenth agent says it pulls everything, with progress', 'growing', THROUGH_THE_GATE),
  coordLiars('L4', 'every tenth agent answers garbage', 'garbage'),
  coordLiars('L5', 'every tenth agent never answers', 'silent'),
] as const;
