import { EXIT_CODES } from '@muster/core';
import type { FleetSnapshot } from '@muster/dashboard';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Terminal } from '../../src/cli/terminal.ts';
import { runCli } from '../../src/index.ts';
import { showScreen } from '../../src/top/run-top.ts';
import { eventually, servedPage } from '../fleet-view/support.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { errorOf, run, TestIo } from '../support/test-io.ts';

const folder = temporaryFolder();

async function pageWith(name: string, port = 0) {
  const page = await servedPage({ port });
  page.hub.take({ type: 'source', id: 't', kind: 'overlay', address: 'x', state: 'ok' });
  page.hub.take({
    type: 'peers',
    source: 't',
    facts: [{ key: 'P', peerId: 'P', name, state: 'online' }],
    isComplete: false,
  });
  await eventually(() => page.hub.model.peer('P') !== undefined, 'the peer is shown');
  return page;
}

/** A terminal that remembers what is on it. */
class FakeTerminal implements Terminal {
  readonly lines = new Map<number, string>();
  isOpen = false;
  #handlers: Parameters<Terminal['open']>[0] | undefined;
  #size = { columns: 80, rows: 20 };

  size() {
    return this.#size;
  }

  write(text: string): void {
    // oxlint-disable-next-line no-control-regex
    for (const [, row, line] of text.matchAll(/\u001b\[(\d+);1H(.*?)(?=\u001b\[\d+;1H|$)/gsu)) {
      this.lines.set(Number(row), line as string);
    }
  }

  open(handlers: Parameters<Terminal['open']>[0]): () => void {
    this.isOpen = true;
    this.#handlers = handlers;
    return () => {
      this.isOpen = false;
    };
  }

  press(text: string): void {
    this.#handlers?.onInput(text);
  }

  resize(columns: number, rows: number): void {
    this.#size = { columns, rows };
    this.lines.clear();
    this.#handlers?.onResize();
  }

  get text(): string {
    return [...this.lines.values()].join('\n');
  }
}

describe('on a terminal', () => {
  it('shows the fleet as it changes, obeys keys and sizes, and puts the terminal back', async () => {
    const page = await pageWith('alpha');
    const terminal = new FakeTerminal();
    const shown = showScreen(terminal, page.url, new URL(page.url).host, AbortSignal.timeout(30_000));
    await eventually(() => terminal.text.includes('alpha'), 'the peer is on the screen');
    page.hub.take({
      type: 'peers',
      source: 't',
      facts: [{ key: 'Q', peerId: 'Q', name: 'bravo', state: 'online' }],
      isComplete: false,
    });
    await eventually(() => terminal.text.includes('bravo'), 'the new peer is on the screen');
    terminal.press('/brav\r');
    await eventually(() => !terminal.text.includes('alpha'), 'the other is filtered out');
    terminal.resize(60, 10);
    expect(terminal.lines.size).toBe(10);
    expect(terminal.isOpen).toBe(true);
    terminal.press('\u001bq');
    await shown;
    expect(terminal.isOpen).toBe(false);
  });

  it('says that the page has gone, and goes on when it is back', async () => {
    const page = await pageWith('alpha');
    const port = Number(new URL(page.url).port);
    const terminal = new FakeTerminal();
    const ends = new AbortController();
    const shown = showScreen(terminal, page.url, new URL(page.url).host, ends.signal);
    await eventually(() => terminal.text.includes('alpha'), 'the peer is on the screen');
    await page.close();
    await eventually(() => terminal.text.includes('no connection for'), 'the loss is on the screen');
    expect(terminal.text).toContain('what is shown is old');
    await pageWith('after', port);
    await eventually(() => terminal.text.includes('after'), 'the new peer is on the screen');
    expect(terminal.text).not.toContain('no connection for');
    ends.abort();
    await shown;
    expect(terminal.isOpen).toBe(false);
  });
});

describe('in a pipe', () => {
  it('prints what is there, and ends', async () => {
    const page = await pageWith('alpha');
    const outcome = await run(['top', '--page', page.url]);
    expect(outcome).toMatchObject({ exitCode: 0, stderr: '' });
    expect(outcome.stdout).toContain('alpha');
    const json = await run(['top', '--page', page.url, '--once', '--json']);
    const snapshot = JSON.parse(json.stdout) as FleetSnapshot;
    expect(snapshot.peers.map(({ name }) => name)).toEqual(['alpha']);
  });

  it('prints changes as JSON until it is stopped', async () => {
    const page = await pageWith('alpha');
    const io = new TestIo();
    const ended = runCli(['top', '--page', page.url, '--json'], io);
    await io.printed('"event":"snapshot"');
    page.hub.take({ type: 'happening', severity: 'info', text: 'something new' });
    const text = await io.printed('something new');
    io.stop();
    expect(await ended).toBe(0);
    const events = text
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { event: string }).event);
    expect(events[0]).toBe('snapshot');
    expect(events).toContain('delta');
  });

  it('says that there is no fleet, or no page', async () => {
    const nobody = await run(['top', '--fleet', folder.path(), '--json']);
    expect(errorOf(nobody).code).toBe('FLEET_NOT_RUNNING');
    const unreachable = await run(['top', '--page', 'http://127.0.0.1:1/', '--json']);
    expect([unreachable.exitCode, errorOf(unreachable).code]).toEqual([
      EXIT_CODES.unreachable.code,
      'PAGE_UNREACHABLE',
    ]);
    const invalid = await run(['top', '--page', 'ftp://x', '--json']);
    expect(errorOf(invalid).code).toBe('CONFIG_INVALID');
  });
});

describe('muster page serve', () => {
  it('serves until it is stopped, and says where', async () => {
    const io = new TestIo();
    const ended = runCli(['page', 'serve', '--status', '127.0.0.1:1', '--port', '0', '--json'], io);
    const { page, sources } = JSON.parse(await io.printed('\n')) as { page: string; sources: number };
    onTestFinished(() => io.stop());
    expect(sources).toBe(1);
    const fleet = (await (await fetch(`${page}api/fleet`)).json()) as FleetSnapshot;
    expect(fleet.sources.map(({ id }) => id)).toEqual(['status:127.0.0.1:1']);
    io.stop();
    expect(await ended).toBe(0);
  });

  it('refuses to show nothing, a registry without a token, and an address in use', async () => {
    expect(errorOf(await run(['page', 'serve', '--json'])).code).toBe('USAGE');
    expect(errorOf(await run(['page', 'serve', '--registry-http', '127.0.0.1:1', '--json'])).code).toBe(
      'USAGE',
    );
    const { port } = new URL((await pageWith('alpha')).url);
    const used = await run(['page', 'serve', '--status', '127.0.0.1:1', '--port', port, '--json']);
    expect(errorOf(used).code).toBe('ADDRESS_IN_USE');
  });
});
