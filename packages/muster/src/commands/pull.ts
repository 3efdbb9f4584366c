import { defineCommand } from '../cli/command.ts';
import { pullSettings } from '../settings/pull-settings.ts';

export const pull = defineCommand({
  name: 'pull',
  summary: 'Pull an image or artifact through a mirror.',
  description:
    'Pull an image, or any artifact that registries keep, through a mirror, as a container runtime would: manifest, config and ' +
    'layers, each verified against its digest. It says of each from where the mirror had it: its cache, a peer, or the origin. A ' +
    'tag is looked up at the registry itself, because mirrors only know digests.',
  arguments: [
    {
      name: 'reference',
      description: 'registry/repository:tag or registry/repository@sha256:…',
      required: true,
    },
  ],
  settings: pullSettings,
  examples: [
    'pull fleet.localhost/demo/app:v1',
    'pull docker.io/library/alpine:3 --output /tmp/alpine',
    'pull ghcr.io/owner/tool@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef --mirror 127.0.0.1:5000',
  ],
  run: async (context) => {
    const { runPull } = await import('../pull/run-pull.ts');
    return await runPull(context);
  },
});
