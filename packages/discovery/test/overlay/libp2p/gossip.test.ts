import { expect, test } from 'vitest';
import { eventually, startHosts } from '../../support/libp2p-hosts.ts';

const TOPIC = 'oc-search-peer';

test('ten members behind one address hear every message once, in order', async () => {
  const hosts = await startHosts(12);
  const heard = hosts.map((): string[] => []);
  hosts.forEach(({ overlay }, index) =>
    overlay.gossip.subscribe(TOPIC, {
      validate: () => 'accept',
      deliver: ({ from, data }) => heard[index]!.push(`${from} ${Buffer.from(data).toString()}`),
    }),
  );
  const [first] = hosts;
  for (const { overlay } of hosts.slice(1)) {
    await overlay.open(first!.info, '/opencloud/probe/1.0', { timeoutMs: 10_000 });
  }
  const texts = Array.from({ length: 20 }, (_, index) => String(index));
  // The mesh takes a heartbeat of the topic to form.
  await expect
    .poll(
      async () => {
        await first!.overlay.gossip.publish(TOPIC, Buffer.from('warm'));
        return heard.slice(1).every((lines) => lines.length > 0);
      },
      { timeout: 20_000 },
    )
    .toBe(true);
  const author = hosts[5]!;
  await Promise.all(texts.map((text) => author.overlay.gossip.publish(TOPIC, Buffer.from(text))));
  const expected = texts.map((text) => `${author.overlay.self} ${text}`);
  await eventually(() =>
    heard.every((lines, index) => index === 5 || lines.filter((line) => !line.endsWith('warm')).length >= 20),
  );
  heard.forEach((lines, index) => {
    const own = lines.filter((line) => !line.endsWith('warm'));
    expect(own.toSorted()).toEqual(index === 5 ? [] : expected.toSorted());
  });
});
