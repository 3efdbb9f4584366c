/**
 * `muster demo pull`: an image that nobody has, at an origin that counts, pulled by many peers at the same moment. The origin is asked for
 * each digest once; when all have it, and pull again, it is not asked at all.
 */
import { showBytes } from '../cli/progress.ts';
import type { FleetMember } from '../fleet/fleet-file.ts';
import { checkNoReads, checkOneRead, checkPulls, originDelta } from './checks.ts';
import type { FleetControl, MirrorCrowd, MirrorPlace, Origin, Puller } from './ports.ts';
import { describeRound, keepFigures, pullAtOnce, sizeOf } from './pulling.ts';
import type { Script } from './story.ts';
import { membersOf, wholeFleet } from './whole.ts';

export interface PullPorts {
  readonly control: FleetControl;
  readonly origin: Origin;
  readonly puller: Puller;
  readonly crowd: MirrorCrowd;
}

export function pull(ports: PullPorts, { peers }: { readonly peers: number }): Script {
  return async (story) => {
    const { control, origin, puller, crowd } = ports;
    const fleet = await wholeFleet(story, control);
    const own = placesOf(membersOf(fleet, 'mirror')).slice(0, peers);
    const further = peers - own.length;
    let places = own;
    if (further > 0) {
      story.step(`The fleet has ${own.length} mirrors; ${further} more join for this demo.`);
      story.undo('ending the further mirrors', () => crowd.stop());
      places = [...own, ...(await crowd.start(further))];
    }

    const image = await origin.makeImage('pull');
    const size = sizeOf(image);
    story.step(
      `A new image is at the origin: ${image.objects.length} objects, ${showBytes(size)}. ${peers} peers pull it at once.`,
    );
    story.figure('peers', places.length);
    story.figure('imageBytes', size);
    story.figure('imageDigests', image.objects.length);

    const before = await origin.counts();
    const round = await pullAtOnce(story, puller, places, image);
    const after = await origin.counts();
    const delta = originDelta(before, after);
    if (round.results.length > 0) story.step(`Pulled: ${describeRound(round)}.`);
    keepFigures(story, 'pull', round);
    story.figure('originReads', delta.total);
    story.figure('originBytes', delta.bytes);
    story.figure('bytesWithoutMuster', peers * size);
    story.step(
      `The origin sent ${showBytes(delta.bytes)}; without mirrors it would have sent ${showBytes(peers * size)}.`,
    );
    story.check(
      checkPulls(
        'Every peer has the image, and every digest fits',
        peers,
        round.results,
        size,
        round.failures,
      ),
      checkOneRead('The origin was asked for each digest once', image.objects, delta),
    );

    story.step('All of them pull it again.');
    const again = await pullAtOnce(story, puller, places, image);
    const rest = originDelta(after, await origin.counts());
    keepFigures(story, 'again', again);
    story.figure('originReadsAgain', rest.total);
    story.check(
      checkPulls('Every peer has it again', peers, again.results, size, again.failures),
      checkNoReads('… and the origin was not asked', rest),
    );
  };
}

/** Where clients ask the mirrors of the fleet. */
export function placesOf(mirrors: readonly FleetMember[]): readonly MirrorPlace[] {
  return mirrors.flatMap(({ name, mirror }) => (mirror === undefined ? [] : [{ name, mirror }]));
}
