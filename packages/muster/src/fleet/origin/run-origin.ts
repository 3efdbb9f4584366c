/** An origin as a program: a real image made on the spot, served until it is asked to stop. */
import { join, resolve } from 'node:path';
import { errorCode, systemClock, systemTimers } from '@muster/core';
import type { CommandContext } from '../../cli/command.ts';
import { cliErrors } from '../../cli/cli-errors.ts';
import { showBytes } from '../../cli/progress.ts';
import { facts } from '../../cli/table.ts';
import { packageVersion } from '../../cli/version.ts';
import { makeDataDirectory } from '../../serve/data-directory.ts';
import { runService, serviceLogger } from '../../serve/run-service.ts';
import { type ListenAddress, parseAddress } from '../../settings/address.ts';
import type { originSettings } from '../../settings/origin-settings.ts';
import { readOrCreateSecret } from '../secret-file.ts';
import { makeImage } from './image.ts';
import { ImageLayout, type LayoutImage } from './layout.ts';
import { OriginServer } from './origin-server.ts';

type Context = CommandContext<typeof originSettings>;

/** The image that is made when there is none. */
const REPOSITORY = 'demo/app';
const TAG = 'v1';
const STOP_TIMEOUT_MS = 10_000;

type ServedImage = LayoutImage & { readonly bytes: number };

/** Runs it until it ends. Returns the exit code; throws what kept it from running. */
export async function runOrigin(context: Context): Promise<number> {
  const { io, values } = context;
  const listen = parseAddress(values.listen) as ListenAddress;
  const layout = new ImageLayout(values.data);
  return await runService<{ readonly origin: OriginServer; readonly image: ServedImage }>(context, {
    name: 'origin',
    logger: serviceLogger(io, 'warn', 'text'),
    stopTimeoutMs: STOP_TIMEOUT_MS,
    start: async () => {
      await makeDataDirectory(values.data);
      const image = await firstImage(layout, values);
      const token = await readOrCreateSecret(values.tokenFile ?? join(values.data, 'token'));
      const options = { layout, ...listen, token, bytesPerSecond: values.rateBytes };
      return { origin: await startServer(options), image };
    },
    stop: async ({ origin }) => await origin.stop(),
    announce: ({ origin, image }) => announce(context, origin, image),
  });
}

/** The first image of the layout; made when there is none. */
async function firstImage(
  layout: ImageLayout,
  { layers, layerSizeBytes }: Context['values'],
): Promise<ServedImage> {
  const [known] = await layout.images();
  if (known !== undefined) return { ...known, bytes: await layout.totalBytes(known) };
  const made = makeImage({
    name: `${REPOSITORY}:${TAG}`,
    layers,
    layerBytes: layerSizeBytes,
    createdAt: systemClock.now(),
  });
  return { ...(await layout.add(made, `${REPOSITORY}:${TAG}`)), bytes: made.totalBytes };
}

async function startServer(
  options: Omit<Parameters<typeof OriginServer.start>[0], 'clock' | 'timers'>,
): Promise<OriginServer> {
  try {
    return await OriginServer.start({ ...options, clock: systemClock, timers: systemTimers });
  } catch (cause) {
    if (errorCode(cause) !== 'EADDRINUSE') throw cause;
    const place = `${options.host}:${options.port}`;
    throw cliErrors.create('ADDRESS_IN_USE', `another program listens on ${place}`, {
      hint: 'Stop it, or choose another address: --listen 127.0.0.1:0 takes any free port.',
      details: { setting: 'listen', address: place },
      cause,
    });
  }
}

function announce(context: Context, origin: OriginServer, image: ServedImage): void {
  const { address } = origin;
  const colon = image.reference.lastIndexOf(':');
  const repository = image.reference.slice(0, colon);
  const tag = image.reference.slice(colon + 1);
  const folder = resolve(context.values.data);
  context.print(
    {
      event: 'ready',
      version: packageVersion(),
      pid: process.pid,
      address,
      repository,
      tag,
      digest: image.digest,
      bytes: image.bytes,
      data: folder,
    },
    [
      `muster ${packageVersion()}: the origin is ready.\n`,
      facts([
        ['address', `http://${address}`],
        ['image', `${image.reference}, ${showBytes(image.bytes)}`],
        ['digest', image.digest],
        ['data folder', folder],
        ['counts', `http://${address}/counts`],
      ]),
      '\nEverybody who reaches it can pull from it, without TLS.',
      `Try: skopeo copy --src-tls-verify=false docker://${address}/${image.reference} oci:/tmp/image`,
      '\nCtrl-C stops it.\n',
    ].join('\n'),
  );
}
