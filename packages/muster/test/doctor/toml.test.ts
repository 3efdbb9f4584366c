import { expect, test } from 'vitest';
import { parseToml, TomlProblem } from '../../src/doctor/toml.ts';

const plain = (text: string): unknown => JSON.parse(JSON.stringify(parseToml(text)));

test('what container runtimes are configured with', () => {
  const text = `
version = 3 # of the file
server = "https://registry-1.docker.io"

[host."http://127.0.0.1:5000"]
  capabilities = ["pull",   # what it may
    'resolve',
  ]
  skip_verify = true
  [host."http://127.0.0.1:5000".header]
    x = "a # b = [c]"

[plugins.'io.containerd.cri.v1.images'.registry]
  config_path = "/etc/containerd/certs.d"

[[registry]]
location = "docker.io"
[[registry.mirror]]
location = "127.0.0.1:5000"
[[registry.mirror]]
location = "other"
[[registry]]
location = "quay.io"
inline = { a = 1, b = ["x", "y"] }
`;
  expect(plain(text)).toEqual({
    version: 3,
    server: 'https://registry-1.docker.io',
    host: {
      'http://127.0.0.1:5000': {
        capabilities: ['pull', 'resolve'],
        skip_verify: true,
        header: { x: 'a # b = [c]' },
      },
    },
    plugins: { 'io.containerd.cri.v1.images': { registry: { config_path: '/etc/containerd/certs.d' } } },
    registry: [
      { location: 'docker.io', mirror: [{ location: '127.0.0.1:5000' }, { location: 'other' }] },
      { location: 'quay.io', inline: { a: 1, b: ['x', 'y'] } },
    ],
  });
});

test('names of objects are only names', () => {
  expect(plain('[__proto__]\npolluted = true\n')).toBeDefined();
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});

test.each(['just words', 'a = ', 'a = nothing', '= 1', '[a b]\nc = 1', 'a = "x'])(
  '%j is told with its line',
  (text) => {
    expect(() => parseToml(text)).toThrow(TomlProblem);
    expect(() => parseToml(text)).toThrow(/^line 1: /);
  },
);
