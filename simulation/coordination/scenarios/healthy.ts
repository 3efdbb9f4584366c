import { digestsOf, scenario } from './setup.ts';

/** S2: one image, all at once. */
export const S2 = scenario({
  id: 'S2',
  title: 'cold start of one image on all agents at once',
  play: async ({ image, pullEverywhere, served }) => {
    const wanted = image('app/one');
    pullEverywhere(wanted);
    await served();
    return { digests: digestsOf(wanted), origin: { copies: { atMost: 1.005 } } };
  },
});
