/** The counting proxy as a process of its own. */

import { serveTasks } from '../../harness/child.ts';
import { ReverseProxy, type ReverseProxyOptions } from './reverse-proxy.ts';

let running: ReverseProxy | undefined;

function proxy(): ReverseProxy {
  if (running === undefined) throw new Error('the proxy has not been started');
  return running;
}

async function start(options: ReverseProxyOptions): Promise<string> {
  running = await ReverseProxy.start(options);
  return running.url;
}

serveTasks(
  {
    start,
    setDown: (isDown: boolean) => proxy().setDown(isDown),
    summary: () => proxy().summary(),
    reset: () => proxy().reset(),
  },
  () => running?.close(),
);
