import { describe, expect, it } from 'vitest';
import { examinePorts, isMuster, type PortFacts } from '../../../src/doctor/checks/ports.ts';
import { listeningSockets } from '../../../src/doctor/probes/port-owner.ts';

const facts = (more: Partial<PortFacts['port']> & Partial<Omit<PortFacts, 'port'>>): PortFacts => {
  const { refusal, holder, ...port } = more;
  return {
    port: {
      owner: 'alpha',
      address: { host: '127.0.0.1', port: 4001 },
      setting: 'node-endpoint-port',
      running: undefined,
      ...port,
    },
    refusal,
    holder,
  };
};
const MUSTER = { pid: 7, command: 'node /opt/muster/bin/muster.mjs node run' };
const NGINX = { pid: 8, command: 'nginx: master process' };

describe('ports', () => {
  it.each([
    ['a free one', facts({}), 'ok', 'is free'],
    ['any free one', facts({ address: { host: '127.0.0.1', port: 0 } }), 'ok', 'any free one'],
    ['one that its service has', facts({ refusal: 'EADDRINUSE', holder: MUSTER }), 'ok', 'process 7'],
    ['one that another program has', facts({ refusal: 'EADDRINUSE', holder: NGINX }), 'problem', 'nginx'],
    ['one of another user', facts({ refusal: 'EADDRINUSE' }), 'warning', 'another user'],
    ['one that only root may have', facts({ refusal: 'EACCES' }), 'problem', 'does not let this user'],
    ['one of another machine', facts({ refusal: 'EADDRNOTAVAIL' }), 'problem', 'no address of this machine'],
    ['one that fails otherwise', facts({ refusal: 'EINVAL' }), 'problem', 'EINVAL'],
    [
      'one that should be taken, and is not',
      facts({ running: { pid: 7 } }),
      'problem',
      'alpha should listen on 127.0.0.1:4001, and nobody does',
    ],
    [
      'one that its process has',
      facts({ refusal: 'EADDRINUSE', holder: MUSTER, running: { pid: 7 } }),
      'ok',
      'alpha listens on',
    ],
    [
      'one that another process has',
      facts({ refusal: 'EADDRINUSE', holder: NGINX, running: { pid: 7 } }),
      'problem',
      'not by alpha, which is process 7',
    ],
    [
      'one that is taken, by whom ever',
      facts({ refusal: 'EADDRINUSE', running: { pid: 7 } }),
      'ok',
      'is taken',
    ],
  ])('%s', (_, port, status, found) => {
    const [finding] = examinePorts([port]);
    expect(finding).toMatchObject({ status, found: expect.stringContaining(found) });
    if (status !== 'ok') expect(finding?.fix).toBeTruthy();
  });

  it('finds two services with one port', () => {
    const [twice] = examinePorts([facts({}), facts({ owner: 'beta', setting: 'mirror-listen' })]);
    expect(twice).toMatchObject({
      status: 'problem',
      what: 'port of beta',
      fix: 'Change mirror-listen or node-endpoint-port.',
    });
  });

  it('knows its own command line', () => {
    expect(isMuster('/usr/bin/node /usr/lib/node_modules/muster/bin/muster.mjs registry serve')).toBe(true);
    expect(isMuster('muster dev')).toBe(true);
    expect(isMuster('vim muster.txt')).toBe(false);
  });

  it('reads the sockets that the kernel lists', () => {
    const text = [
      '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
      '   0: 0100007F:2328 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12345 1',
      '   1: 0100007F:2328 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 12346 1',
      'nonsense',
    ].join('\n');
    expect(listeningSockets(text)).toEqual([['12345', 9000]]);
  });
});
